import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.core import CrofterError, NodeId
from crofter.trust.code import make_code, may_be_of, parse_code, shown_code

NODE, OTHER = NodeId(b"n" * 32), NodeId(b"o" * 32)


def test_a_code_reads_back_however_it_is_written() -> None:
    code = make_code(NODE)
    assert len(code) == 12
    for written in (
        code,
        shown_code(code),
        f" {shown_code(code).replace('-', ' ')} ",
        shown_code(code).replace("-", "\u2013"),
    ):
        assert parse_code(written) == code


def test_codes_differ_and_say_whose_they_are() -> None:
    codes = {make_code(NODE) for _ in range(50)}
    assert len(codes) == 50
    assert all(may_be_of(code, NODE) and not may_be_of(code, OTHER) for code in codes)


@given(st.integers(0, 11), st.integers(1, 9))
def test_every_wrong_digit_is_found(place: int, change: int) -> None:
    code = make_code(NODE)
    digit = str((int(code[place]) + change) % 10)
    with pytest.raises(CrofterError, match="mistyped"):
        parse_code(code[:place] + digit + code[place + 1 :])


@given(st.integers(0, 10))
def test_every_swap_of_neighbours_is_found(place: int) -> None:
    code = make_code(NODE)
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    if swapped != code:
        with pytest.raises(CrofterError, match="mistyped"):
            parse_code(swapped)


@pytest.mark.parametrize("text", ["", "1234", "1" * 13, "12345678901x", "١٢٣٤٥٦٧٨٩٠١٢"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(CrofterError, match="12 digits"):
        parse_code(text)
