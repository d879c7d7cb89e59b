import json
import logging
import stat
from collections.abc import Generator
from pathlib import Path

import pytest

from crofter.node.logs import HumanFormatter, JsonFormatter, configure_logging


@pytest.fixture(autouse=True)
def root_logger_restored() -> Generator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)


def record(**extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "crofter.api", "levelno": 20, "levelname": "INFO", "msg": "a %s", "args": ("b",)}
    )
    vars(made).update(extra)
    return made


def test_a_json_line_holds_message_and_extra_fields() -> None:
    line = json.loads(JsonFormatter().format(record(request_id="r1", status=200)))
    assert line["message"] == "a b"
    assert line["level"] == "info"
    assert (line["request_id"], line["status"]) == ("r1", 200)


def test_a_line_break_in_a_message_stays_one_line() -> None:
    assert "\n" not in JsonFormatter().format(record(path="a\nb"))


def test_a_traceback_is_part_of_its_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        line = JsonFormatter().format(record(exc_info=(ValueError, error, error.__traceback__)))
    assert "broken" in json.loads(line)["traceback"]


def test_people_get_one_short_line() -> None:
    assert HumanFormatter().format(record(status=200)).endswith("info a b status=200")


def test_the_log_is_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "node.log"
    configure_logging(file, "info", foreground=False)
    logging.getLogger("crofter").info("hello")
    assert json.loads(file.read_text())["message"] == "hello"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_in_the_background_nothing_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(tmp_path / "node.log", "info", foreground=False)
    logging.getLogger("crofter").error("hello")
    assert capsys.readouterr().err == ""


def test_the_foreground_shows_warnings_but_not_every_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(tmp_path / "node.log", "info", foreground=True)
    logging.getLogger("crofter").info("request")
    logging.getLogger("crofter").warning("careful")
    shown = capsys.readouterr().err
    assert "careful" in shown
    assert "request" not in shown
