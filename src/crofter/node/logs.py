"""Logging: JSON lines to a rotated file, and short lines to people. Callers log facts about requests, never prompts or secrets."""

import json
import logging
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal

LogLevel = Literal["debug", "info", "warning", "error"]

FILE_SIZE_BYTES = 5_000_000
OLD_FILES = 3

_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD_ATTRIBUTES}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the fields given as `extra`, and a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class HumanFormatter(logging.Formatter):
    """`12:30:01 warning message key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = "".join(f" {key}={value}" for key, value in _extras(record).items())
        line = f"{moment} {record.levelname.lower()} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logging(log_file: Path, level: LogLevel, *, foreground: bool) -> None:
    """Send this process's log to `log_file`, and warnings (everything at level debug) to stderr in the foreground.

    Replaces the root logger's handlers, so that a library cannot write anywhere else.
    """
    file_handler = RotatingFileHandler(log_file, maxBytes=FILE_SIZE_BYTES, backupCount=OLD_FILES, encoding="utf-8")
    file_handler.setFormatter(JsonFormatter())
    log_file.chmod(0o600)
    handlers: list[logging.Handler] = [file_handler]
    if foreground:
        human = logging.StreamHandler(sys.stderr)
        human.setFormatter(HumanFormatter())
        human.setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
        handlers.append(human)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level.upper())
