"""Changing one line of `config.toml` and leaving the rest, comments included, as its owner wrote it."""

import json
import re
from pathlib import Path

from crofter.core import CrofterError, ErrorCode
from crofter.store import write_atomically

from .config import checked, read_file


def write_setting(file: Path, key: str, value: object) -> None:
    """Set the known dotted `key` to the already checked `value`.

    Raises CONFIG_INVALID, with the file untouched, when its layout is beyond a one-line edit.
    """
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    new = _with_setting(old, key, value)
    draft = file.with_suffix(".draft")
    write_atomically(draft, new.encode())
    try:
        understood = read_file(draft)
        if key not in understood or checked(key, understood[key], str(file)) != value:
            raise CrofterError(ErrorCode.CONFIG_INVALID, f"cannot change {key} in {file} safely; edit it by hand.")
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _with_setting(text: str, key: str, value: object) -> str:
    section, name = key.split(".")
    line = f"{name} = {_toml(value)}"
    lines = text.splitlines()
    header = next((at for at, old in enumerate(lines) if old.split("#")[0].strip() == f"[{section}]"), None)
    if header is None:
        return "\n".join([*lines, *([""] if lines else []), f"[{section}]", line, ""])
    end = next((at for at in range(header + 1, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
    for at in range(header + 1, end):
        if re.match(rf"\s*{re.escape(name)}\s*=", lines[at]):
            lines[at] = line
            break
    else:
        lines.insert(header + 1, line)
    return "\n".join([*lines, ""])


def _toml(value: object) -> str:
    """A value as TOML; JSON's strings, numbers, booleans and one-line lists are TOML too."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # a tuple of a checked setting
