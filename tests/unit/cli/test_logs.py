from pathlib import Path

import pytest

from crofter.cli.commands.logs import _print, _print_from

LINE = '{"time": "t", "level": "info", "logger": "l", "message": "hello", "status": 200}\n'


def test_a_line_is_told_shortly(capsys: pytest.CaptureFixture[str]) -> None:
    _print(LINE, False)
    assert capsys.readouterr().out == "t info hello status=200\n"


def test_a_line_that_is_no_json_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    _print("half a li\n", False)
    assert capsys.readouterr().out == "half a li\n"


def test_only_whole_new_lines_are_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "node.log"
    file.write_text(LINE)
    position = _print_from(file, 0, True)
    with file.open("a") as opened:
        opened.write(LINE + LINE[:10])
    capsys.readouterr()
    again = _print_from(file, position, True)
    assert capsys.readouterr().out == LINE
    assert again == 2 * len(LINE)


def test_a_rotated_file_is_read_from_its_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "node.log"
    file.write_text(LINE)
    assert _print_from(file, 10_000, True) == len(LINE)
    assert capsys.readouterr().out == LINE
