import io

import pytest

from crofter.cli.chat_input import fenced, piped_questions


def test_each_line_is_a_question_and_empty_ones_are_not() -> None:
    assert list(fenced(iter(["one", "", "  two "]))) == ["one", "two"]


def test_lines_between_quotes_are_one_question() -> None:
    assert list(fenced(iter(['"""', "one", "", "  two", '"""', "three"]))) == ["one\n\n  two", "three"]


def test_text_may_stand_beside_the_quotes() -> None:
    assert list(fenced(iter(['"""one', 'two"""']))) == ["one\ntwo"]
    assert list(fenced(iter(['"""one"""', "two"]))) == ["one", "two"]


def test_quotes_that_never_end_take_all_that_follows() -> None:
    assert list(fenced(iter(['"""', "one", "two"]))) == ["one\ntwo"]


def test_a_pipe_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo"))
    assert list(piped_questions()) == ["one", "two"]
