"""A configuration with ours in it, whatever else it holds staying as it is. Pure: text in, text out."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from crofter.core import CrofterError, ErrorCode


def merged_json(old: str, ours: Mapping[str, Any]) -> str:
    """The JSON document with these members. Raises CONFIG_INVALID if the old one cannot be read, comments included."""
    try:
        document: Any = json.loads(old) if old.strip() else {}
    except ValueError as error:
        raise _unreadable(f"it is not plain JSON ({error})") from error
    if not isinstance(document, dict):
        raise _unreadable("it is no JSON object")
    return json.dumps(_deeply(document, ours), indent=2, ensure_ascii=False) + "\n"  # pyright: ignore[reportUnknownArgumentType]


def _deeply(old: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(old)
    for key, value in ours.items():
        there = both.get(key)
        both[key] = _deeply(there, value) if isinstance(there, dict) and isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]
    return both


def merged_lines(old: str, ours: Mapping[str, str]) -> str:
    """The YAML document with these members at its top, each on a line of its own; comments and order stay."""
    text = old if not old or old.endswith("\n") else old + "\n"
    for key, value in ours.items():
        line = f"{key}: {value}"
        text, count = re.subn(rf"^{re.escape(key)}:.*$", lambda _, line=line: line, text, count=1, flags=re.MULTILINE)
        if not count:
            text += line + "\n"
    return text


def merged_toml(old: str, top: Mapping[str, str], table: str, members: Mapping[str, str]) -> str:
    """The TOML document with these strings at its top and this table; comments and order stay.

    Raises CONFIG_INVALID if the old one cannot be read, or the result would not be what is meant.
    """
    _parsed(old)
    start = re.search(r"^\s*\[", old, flags=re.MULTILINE)
    head, rest = (old[: start.start()], old[start.start() :]) if start else (old, "")
    for key, value in top.items():
        line = f"{key} = {json.dumps(value)}"
        head, count = re.subn(
            rf"^{re.escape(key)}\s*=.*$", lambda _, line=line: line, head, count=1, flags=re.MULTILINE
        )
        if not count:
            head = f"{line}\n{head}"
    body = "".join(f"{key} = {json.dumps(value)}\n" for key, value in members.items())
    section = re.compile(rf"^\[{re.escape(table)}\][^\n]*\n(?:(?!\s*\[)[^\n]*\n?)*", flags=re.MULTILINE)
    rest = section.sub("", rest)
    text = "\n\n".join(part.strip("\n") for part in (head, rest, f"[{table}]\n{body}") if part.strip()) + "\n"
    found: Any = _parsed(text)
    for name in table.split("."):
        found = found.get(name, {})
    if found != dict(members):
        raise _unreadable(f"its table {table} is written in a way that cannot be changed safely")
    return text


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(f"it is not TOML ({error})") from error


def _unreadable(why: str) -> CrofterError:
    return CrofterError(
        ErrorCode.CONFIG_INVALID,
        f"the program's configuration was left alone: {why}. `--print` shows what to put there.",
    )
