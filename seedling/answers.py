"""What seedling knows about itself and Crofter, read from `answers.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One idea: ways to ask for it and ways to answer."""

    asks: list[str]
    replies: list[str]


_TABLES = tomllib.loads(Path(__file__).with_name("answers.toml").read_text(encoding="utf-8"))


def _entries(table: str) -> list[Entry]:
    return [Entry(entry["ask"], entry["reply"]) for entry in _TABLES[table]]


IDENTITY = _entries("identity")
CROFTER = _entries("crofter")
SMALL_TALK = _entries("small_talk")
GREETINGS: list[str] = _TABLES["greetings"]
GREETING_REPLIES: list[str] = _TABLES["greeting_replies"]
SYSTEM_MESSAGES: list[str] = _TABLES["system_messages"]
