from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from crofter.client.lines import Lines

TEXT = b'data: {"a":"\xe2\x80\xa8"}\n\n: ping\r\n\r\ndata: [DONE]\nthe rest'


@given(st.lists(st.integers(min_value=0, max_value=len(TEXT)), max_size=12))
def test_lines_are_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(TEXT)]
    lines, found = Lines(), list[bytes]()
    for start, stop in pairwise(places):
        found += lines.feed(TEXT[start:stop])
    assert [*found, *lines.end()] == [b'data: {"a":"\xe2\x80\xa8"}', b": ping", b"data: [DONE]", b"the rest"]
    assert lines.end() == []
