"""Reads other programs' folders and small files: bounded, and never out of the folder that was given."""

import os
import stat
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

import msgspec

from crofter.core import CrofterError, ErrorCode

MAXIMUM_JSON_BYTES = 4 << 20
"""Real manifests have some kilobytes; the config.json of a quantised model may have some hundred."""
MAXIMUM_ENTRIES = 100_000
MAXIMUM_DEPTH = 8

Remark = Callable[[str], None]
"""Told in a sentence what was left out and why."""

T = TypeVar("T")


def walk(folder: Path, remark: Remark, depth: int) -> Generator[tuple[Path, list[str]]]:
    """Every folder from `folder` down to `depth` levels with the names of its files; links to folders and hidden ones are not entered.

    A folder that is not there has no entries; one that may not be read is remarked.
    """

    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            remark(unreadable(Path(error.filename), error))

    entries = 0
    for place, folders, files in os.walk(folder, onerror=failed):
        entries += len(folders) + len(files)
        if entries > MAXIMUM_ENTRIES:
            remark(
                f"{folder} holds more than {MAXIMUM_ENTRIES:,} files: the rest was not looked at. Give a smaller folder."
            )
            return
        here = Path(place)
        deep = len(here.relative_to(folder).parts) >= depth
        folders[:] = [] if deep else sorted(name for name in folders if not name.startswith("."))
        yield here, sorted(name for name in files if not name.startswith("."))


def real_file(path: Path, *inside: Path) -> Path:
    """`path` with every link followed. Raises MODEL_INVALID unless that is a file in one of the folders; MODEL_NOT_FOUND."""
    try:
        real = Path(os.path.realpath(path, strict=True))
        is_file = stat.S_ISREG(real.stat().st_mode)
    except OSError as error:
        raise CrofterError(ErrorCode.MODEL_NOT_FOUND, unreadable(path, error)) from error
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in inside):
        raise CrofterError(
            ErrorCode.MODEL_INVALID,
            f"{path} is a link that leads out of {inside[0]}: it was not followed. Import {real}.",
        )
    if not is_file:
        raise CrofterError(ErrorCode.MODEL_INVALID, f"{path} is not a file.")
    return real


def read_json(path: Path, kind: type[T], *inside: Path) -> T:
    """A small JSON file in one of the folders. Raises MODEL_INVALID for what is too large or does not have this shape; as `real_file`."""
    real = real_file(path, *inside)
    try:
        with real.open("rb") as file:
            content = file.read(MAXIMUM_JSON_BYTES + 1)
    except OSError as error:
        raise CrofterError(ErrorCode.MODEL_NOT_FOUND, unreadable(path, error)) from error
    if len(content) > MAXIMUM_JSON_BYTES:
        raise CrofterError(ErrorCode.MODEL_INVALID, f"{path} is larger than {MAXIMUM_JSON_BYTES:,} bytes.")
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CrofterError(ErrorCode.MODEL_INVALID, f"{path} is damaged: {error}.") from error


def printable(text: str, limit: int) -> str:
    """Text of a stranger that will be printed: no control characters, and not endless."""
    return "".join(each if each.isprintable() else "?" for each in text)[:limit]


def unreadable(path: Path, error: OSError) -> str:
    """Why a file or folder cannot be read, and what helps where it is another user's."""
    if not isinstance(error, PermissionError):
        return f"{path} cannot be read: {error.strerror}."
    for place in (path, *path.parents):
        try:
            owner, group, mode = place.owner(), place.group(), place.stat().st_mode
        except (OSError, KeyError, NotImplementedError):
            continue
        if group != "root" and mode & 0o050 == 0o050:
            help_ = f"`sudo usermod -aG {group} $USER`, a new login and `crofter down` let you in"
        else:
            help_ = f"`sudo chmod -R o+rX {place}` lets everybody here read it"
        return f"{place} belongs to the user {owner} and may not be read: {help_}."
    return f"{path} may not be read by this user."
