"""Events out of bytes: whole, bounded, at any cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.providers.sse import MOST_EVENT_BYTES, EventReader, EventTooLargeError


def events(content: bytes, cuts: list[int] | None = None) -> list[bytes]:
    reader, found = EventReader(), list[bytes]()
    places = sorted({0, len(content), *(cut for cut in cuts or [] if cut < len(content))})
    for start, end in pairwise(places):
        found.extend(reader.feed(content[start:end]))
    return found


def test_only_data_counts_and_its_lines_are_joined() -> None:
    content = b": hello\nevent: x\nid: 1\ndata: a\ndata:b\nnodata\n\n\n\ndata:  c\n\ndata: unfinished\n"
    assert events(content) == [b"a\nb", b" c"]


@given(
    parts=st.lists(
        st.sampled_from([b"data: a", b"data", b"data:", b":x", b"\n", b"\r\n", b"\r", b"\n\n"]), max_size=30
    ),
    cuts=st.lists(st.integers(0, 200), max_size=20),
)
def test_any_cut_gives_the_same_events(parts: list[bytes], cuts: list[int]) -> None:
    content = b"".join(parts) + b":"
    assert events(content, cuts) == events(content)


@pytest.mark.parametrize("line", [b"data: " + b"x" * 1000 + b"\n", b"x" * 1000, b"data:\n"])
def test_an_event_without_end_is_refused_in_time(line: bytes) -> None:
    reader, piece = EventReader(), line * (65_536 // len(line))

    def flood() -> None:
        for _ in range(2 * MOST_EVENT_BYTES // len(piece)):
            assert not list(reader.feed(piece))

    with pytest.raises(EventTooLargeError):
        flood()
