"""The built-in catalogue of good defaults: short names and tasks to repositories on the hub. Only reads its own file."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Literal

import msgspec

from crofter.core import CrofterError, ErrorCode

from .reference import CatalogueName, Reference
from .variants import RepositoryFile

Task = Literal["chat", "code", "embedding", "vision"]

_GIGABYTE = 10**9


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One good default, and everything about it that could be known without asking the hub."""

    name: str
    """`family:size`."""
    task: Task
    from_memory_gb: float
    """Of machines with so much memory it is the choice for its task, until the next larger one is."""
    about: str
    repository: str
    files: str
    """Which files of the repository are this model; `*` stands for anything."""
    projector: str = ""
    """The file of its vision part; empty: it has none."""
    quantization: str
    """The usual one; the machine decides."""
    size_bytes: int
    """Of the usual one, with its vision part."""
    license: str
    sha256: dict[str, str] = {}
    """File name to the hash its content must have."""

    def contains(self, file: RepositoryFile) -> bool:
        """Whether a file of the repository belongs to this model, letter case aside."""
        return fnmatchcase(PurePosixPath(file.path).name.lower(), self.files.lower())

    def pin(self, file: RepositoryFile) -> str:
        """The hash this file must have; empty if it was not known."""
        return self.sha256.get(PurePosixPath(file.path).name, "")

    @property
    def reference(self) -> Reference:
        """Where it is."""
        return Reference(repository=self.repository)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: tuple[CatalogueEntry, ...]


def built_in_catalogue() -> tuple[CatalogueEntry, ...]:
    """The entries that ship with Crofter."""
    text = (files("crofter.models.hub") / "catalogue.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _File).model


def find_entry(entries: Sequence[CatalogueEntry], wanted: CatalogueName, memory_bytes: int) -> CatalogueEntry:
    """The entry of that name; of a family (`qwen3`) or a task (`code`), the one for a machine with so much memory.

    Raises MODEL_NOT_FOUND, naming what is near.
    """
    name = wanted.name
    exact = [entry for entry in entries if entry.name == name]
    if exact:
        return exact[0]
    group = [entry for entry in entries if entry.name.partition(":")[0] == name or entry.task == name]
    if group:
        return recommended(group, memory_bytes)
    names = [entry.name for entry in entries]
    near = get_close_matches(name, names, n=3, cutoff=0.5) or [each for each in names if each.startswith(name[:4])][:3]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise CrofterError(
        ErrorCode.MODEL_NOT_FOUND,
        f"{name!r} is not in the built-in catalogue.{hint} `crofter pull --list` shows what is;"
        " anything else on the hub is organisation/repository.",
        parameter="source",
    )


def recommended(group: Sequence[CatalogueEntry], memory_bytes: int) -> CatalogueEntry:
    """The largest of these that suits a machine with so much memory; the smallest if none does."""
    by_size = sorted(group, key=lambda entry: (entry.from_memory_gb, entry.size_bytes))
    suiting = [entry for entry in by_size if entry.from_memory_gb * _GIGABYTE <= memory_bytes]
    return suiting[-1] if suiting else by_size[0]
