"""Text assembly gives the same result however the bytes are cut, and never shows part of a stop string."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.engine.worker.cuts import longest_partial_suffix
from crofter.engine.worker.text import TextAssembler, reasoning_markers

MARKERS = ("<think>", "</think>")
_fragments = st.lists(
    st.sampled_from(["a", "é", "🐑", "\n", "<", "<think>", "</think>", "STOP", "ST", "OP", " "]), max_size=24
)


def assemble(data: bytes, cuts: list[int], stops: tuple[str, ...], *, begins_inside: bool = False) -> tuple[str, str]:
    assembler = TextAssembler(stops, MARKERS, begins_inside=begins_inside)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    texts: list[str] = []
    thoughts: list[str] = []
    for start, end in pairwise(edges):
        text, reasoning, _ = assembler.push(data[start:end])
        texts.append(text)
        thoughts.append(reasoning)
        assert "STOP" not in "".join(texts) or "STOP" not in stops
    text, reasoning, _ = assembler.finish()
    return "".join([*texts, text]), "".join([*thoughts, reasoning])


@given(_fragments, st.lists(st.integers(min_value=0, max_value=200), max_size=12), st.booleans())
def test_any_cut_of_the_bytes_gives_the_same_text(fragments: list[str], cuts: list[int], begins_inside: bool) -> None:
    data = "".join(fragments).encode()
    whole = assemble(data, [], ("STOP",), begins_inside=begins_inside)
    assert assemble(data, cuts, ("STOP",), begins_inside=begins_inside) == whole
    assert assemble(data, list(range(len(data))), ("STOP",), begins_inside=begins_inside) == whole


@given(_fragments, st.lists(st.integers(min_value=0, max_value=200), max_size=12))
def test_without_stops_and_marks_nothing_is_lost(fragments: list[str], cuts: list[int]) -> None:
    text = "".join(fragments).replace("<", "")
    assert assemble(text.encode(), cuts, ()) == (text, "")


def test_a_character_is_shown_only_when_it_is_whole() -> None:
    assembler = TextAssembler(())
    assert [assembler.push(bytes([byte]))[0] for byte in "🐑".encode()] == ["", "", "", "🐑"]


def test_a_character_cut_off_by_the_end_becomes_the_replacement_character() -> None:
    assembler = TextAssembler(())
    assembler.push("é".encode()[:1])
    assert assembler.finish() == ("�", "", ())


def test_the_earliest_stop_string_ends_the_text() -> None:
    assembler = TextAssembler(("END", "\n\n"))
    assert assembler.push(b"one\n\ntwo END") == ("one", "", ())
    assert assembler.stop_string == "\n\n"
    assert assembler.push(b"three") == ("", "", ())
    assert assembler.finish() == ("", "", ())


def test_what_might_become_a_stop_string_is_held_back_and_then_shown() -> None:
    assembler = TextAssembler(("STOP",))
    assert assembler.push(b"a ST") == ("a ", "", ())
    assert assembler.push(b"ART") == ("START", "", ())


def test_thinking_is_told_from_the_answer() -> None:
    assembler = TextAssembler((), MARKERS)
    parts = [assembler.push(piece) for piece in (b"<thi", b"nk>hm", b"m</th", b"ink>\n\n", b"Yes.")]
    assert "".join(text for text, _, _ in parts) == "Yes."
    assert "".join(reasoning for _, reasoning, _ in parts) == "hmm"


def test_a_mark_in_the_middle_of_an_answer_is_text() -> None:
    assembler = TextAssembler((), MARKERS)
    assert assembler.push(b"Write <think> here </think>.") == ("Write <think> here </think>.", "", ())


def test_stop_strings_do_not_end_thinking() -> None:
    assembler = TextAssembler(("\n",), MARKERS, begins_inside=True)
    assert assembler.push(b"one\ntwo</think>yes\nno") == ("yes", "one\ntwo", ())


@pytest.mark.parametrize(("text", "expected"), [("abcST", 2), ("STO", 3), ("STOP", 0), ("x", 0), ("", 0)])
def test_longest_partial_suffix(text: str, expected: int) -> None:
    assert longest_partial_suffix(text, ("STOP",)) == expected


def test_marks_are_found_in_the_template() -> None:
    assert reasoning_markers("{{ '<think>' }}...</think>") == MARKERS
    assert reasoning_markers("plain") is None
