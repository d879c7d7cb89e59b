"""A model as the files it lies in: one GGUF, or all parts of a split one, read as a whole."""

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from crofter.core import CrofterError, ErrorCode

from .header import Header, read_header

SPLIT_KEYS = "split."
"""What a split file says about its parts; no property of the model."""

_PART = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.gguf)", re.IGNORECASE | re.DOTALL)
_SHOWN_PARTS = 5
_MOST_PARTS = 10_000


class Footprint(NamedTuple):
    """What shows that files are still the same without reading them."""

    size_bytes: int
    """Of all together."""
    modified_ns: int
    """The newest."""


def part_name(stem: str, number: int, count: int) -> str:
    """How part `number` (from 1) of `count` is called, by llama.cpp and by everybody else."""
    return f"{stem}-{number:05}-of-{count:05}.gguf"


def part_paths(path: Path) -> tuple[Path, ...]:
    """All files of the model that `path` belongs to, in order. Raises MODEL_INVALID, naming the parts that are not there."""
    names = _part_names(path.name)
    parts = tuple(path.with_name(name) for name in names)
    missing = [part.name for part in parts if not part.is_file()] if len(parts) > 1 else []
    if missing:
        more = f" and {len(missing) - _SHOWN_PARTS} more" if len(missing) > _SHOWN_PARTS else ""
        raise CrofterError(
            ErrorCode.MODEL_INVALID,
            f"{path.name} is one of {len(parts)} parts, and {', '.join(missing[:_SHOWN_PARTS])}{more} should lie beside it.",
            parameter="source",
        )
    return parts


def read_model_files(path: Path) -> Header:
    """The model that a file belongs to. Raises as `part_paths` and `read_model`."""
    return read_model(part_paths(path))


def part_path(first: Path, position: int) -> Path | None:
    """Where the part at `position` (from 0) of the model with that first file should be."""
    names = _part_names(first.name)
    return first.with_name(names[position]) if position < len(names) else None


def footprint(first: Path) -> Footprint:
    """Of the model whose first file this is. Every request asks, so nothing is read. Raises OSError if a file is missing."""
    folder = first.parent
    found = [os.stat(f"{folder}{os.sep}{name}") for name in _part_names(first.name)]
    return Footprint(sum(each.st_size for each in found), max(each.st_mtime_ns for each in found))


def read_model(parts: Sequence[Path]) -> Header:
    """One header for all parts: the keys of the first, the tensors of all.

    Raises as `read_header`, and MODEL_INVALID if the parts do not belong together.
    """
    headers = [read_header(part) for part in parts]
    first = headers[0]
    tensors = [
        msgspec.structs.replace(tensor, part=number)
        for number, header in enumerate(headers)
        for tensor in header.tensors
    ]
    _require_whole(headers, [tensor.name for tensor in tensors])
    return msgspec.structs.replace(
        first, size_bytes=sum(header.size_bytes for header in headers), tensors=tuple(tensors), parts=tuple(parts)
    )


@lru_cache(maxsize=256)
def _part_names(name: str) -> tuple[str, ...]:
    match = _PART.fullmatch(name)
    count = int(match["count"]) if match else 1
    if match is None or not 1 <= int(match["number"]) <= count <= _MOST_PARTS:
        return (name,)
    return tuple(f"{match['stem']}-{number:05}-of-{match['count']}{match['suffix']}" for number in range(1, count + 1))


def _require_whole(headers: Sequence[Header], names: Sequence[str]) -> None:
    first = headers[0]
    count = first.integer("split.count", 1)
    if len(headers) == 1 and count > 1:
        raise first.invalid(
            f"it is one of {count} parts of a model; the others have to lie beside it, named"
            f" {part_name('NAME', 1, count)} and so on"
        )
    numbers = [header.integer("split.no", 0) for header in headers]
    expected = first.integer("split.tensors.count", len(names))
    if (max(count, 1), numbers, expected) != (len(headers), list(range(len(headers))), len(set(names))) or (
        len(set(names)) != len(names)
    ):
        raise CrofterError(
            ErrorCode.MODEL_INVALID, f"{first.path.name} and the other {len(headers) - 1} parts do not belong together."
        )
