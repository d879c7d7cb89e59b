"""Puts a model into the models folder, group by group. Whatever stops it, what was taken over can be finished later.

While a model is written its folder is called `.installing-<id>`; it gets its name `<id>` when it is whole. A file that is taken
over is moved into that folder first and shrinks as its groups are written, so that no model ever needs the disk twice.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.models.gguf.header import Header
from crofter.models.gguf.parts import part_name, part_paths, read_model
from crofter.store import (
    Progress,
    can_give_back,
    flush_names,
    give_back,
    move_into_place,
    remove_leftovers,
    write_atomically,
)

from .manifest import Manifest, TensorGroup, groups_of
from .shards import write_group_shard, write_metadata_shard

_MANIFEST_FILE = "manifest.json"
_INSTALLING = ".installing-"
_REMOVED = ".removed-"
_TAKEOVER_FILE = "name-to-be"
_STEM = "model"
_SOURCE_STEM = "source"

FindGroup = Callable[[TensorGroup, int], Path | None]
"""A file of another model that holds exactly this group as this part, if there is one."""


def first_part(manifest: Manifest) -> str:
    """The name of the file that llama.cpp is given, inside the model's folder."""
    return part_name(_STEM, 1, len(groups_of(manifest)) + 1)


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a model's folder. Raises MODEL_INVALID if there is none, or a broken one."""
    try:
        return msgspec.json.decode((folder / _MANIFEST_FILE).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise CrofterError(ErrorCode.MODEL_INVALID, f"{folder / _MANIFEST_FILE} cannot be read: {error}.") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Keep the manifest of a model whose files lie elsewhere. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(folder / _MANIFEST_FILE, msgspec.json.encode(manifest))


def taken_over_name(folder: Path) -> str:
    """The name of a model whose installation was not finished by who began it; "" if there is none."""
    try:
        return (folder / _TAKEOVER_FILE).read_text()
    except OSError:
        return ""


def forget_takeover(folder: Path) -> None:
    """The model is registered: what it was made from is not needed any more, and nothing is left to finish. Raises OSError."""
    for path in folder.glob(f"{_SOURCE_STEM}-*"):
        path.unlink()
    (folder / _TAKEOVER_FILE).unlink(missing_ok=True)


def free_for_installing(models_folder: Path) -> int:
    """How large a model on that disk may be installed there: installing writes it anew, and not everywhere it shrinks meanwhile."""
    free_bytes = shutil.disk_usage(models_folder).free
    return free_bytes if can_give_back(models_folder) else free_bytes // 2


class Installation:
    """One model on its way into `models_folder`."""

    def __init__(self, models_folder: Path, model_id: ModelId) -> None:
        self.model_id = model_id
        self.target = models_folder / model_id
        self._folder = models_folder / f"{_INSTALLING}{model_id}"

    @classmethod
    def interrupted(cls, models_folder: Path) -> Iterator["Installation"]:
        """Those that can be finished. What nobody can finish is deleted."""
        for folder in sorted(models_folder.glob(f"{_INSTALLING}*")):
            if (folder / _TAKEOVER_FILE).is_file():
                yield cls(models_folder, ModelId(folder.name.removeprefix(_INSTALLING)))
            else:
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def is_interrupted(self) -> bool:
        """Whether it was begun before by taking files over."""
        return (self._folder / _TAKEOVER_FILE).is_file()

    def take_over(self, parts: Sequence[Path], manifest: Manifest, name: str) -> Header:
        """Move the files in; from here on they belong to the installation, which leads to a model called `name`. Raises OSError."""
        self._begin(manifest)
        # Second names first: whenever this is cut short, either the old names or the mark below lead to all the parts.
        for number, part in enumerate(parts, start=1):
            inside = self._folder / part_name(_SOURCE_STEM, number, len(parts))
            if not linked(part, inside):
                move_into_place(part, inside)
        write_atomically(self._folder / _TAKEOVER_FILE, name.encode())
        for part in parts:
            part.unlink(missing_ok=True)
        return self._source()

    def keep_beside(self, file: Path, name: str) -> None:
        """Move a file in that belongs to the model and is no part of it. To be called between `take_over` and `build`. Raises OSError."""
        move_into_place(file, self._folder / name)

    def go_on(self) -> tuple[Header, Manifest]:
        """What an interrupted installation was about. Raises MODEL_INVALID if the folder was tampered with."""
        remove_leftovers(self._folder)
        return self._source(), read_manifest(self._folder)

    def build(self, source: Header, manifest: Manifest, find: FindGroup, progress: Progress) -> Path:
        """Write or link what is missing, then give the folder its name; returns the first file.

        Raises DISK_FULL, CONFLICT if the source changes meanwhile, OSError, or what `progress` raises.
        """
        taken_over = self.is_interrupted
        if not taken_over:
            self._begin(manifest)
        try:
            self._write(source, manifest, find, progress, taken_over=taken_over)
            flush_names(self._folder)
            # The source goes along and is deleted at the very end: without it an interrupted installation could not go on.
            delete_folder(self.target)
            move_into_place(self._folder, self.target)
        except BaseException:
            if not taken_over:
                shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self.target / first_part(manifest)

    def _begin(self, manifest: Manifest) -> None:
        if self._folder.exists():
            shutil.rmtree(self._folder)
        write_manifest(self._folder, manifest)

    def _source(self) -> Header:
        first = next(iter(sorted(self._folder.glob(f"{_SOURCE_STEM}-*"))), self._folder / _SOURCE_STEM)
        return read_model(part_paths(first))

    def _write(
        self, source: Header, manifest: Manifest, find: FindGroup, progress: Progress, *, taken_over: bool
    ) -> None:
        groups = groups_of(manifest)
        shard_count = len(groups) + 1
        total_bytes = sum(group.size_bytes for group in groups)
        done_bytes = 0

        def observe(written_bytes: int) -> None:
            nonlocal done_bytes
            done_bytes += written_bytes
            progress(min(done_bytes, total_bytes), total_bytes)

        # Not kept from an interrupted installation: it is small, and the number of parts is written in it.
        first = self._folder / part_name(_STEM, 1, shard_count)
        write_metadata_shard(source.path, first, len(manifest.tensors), shard_count)
        for number, group in enumerate(groups, start=1):
            target = self._folder / part_name(_STEM, number + 1, shard_count)
            if not target.is_file():
                there = find(group, number)
                if there is None or not linked(there, target):
                    write_group_shard(group, number, source, target, observe)
                else:
                    observe(group.size_bytes)
            if taken_over:
                _give_back(group, source)


def linked(existing: Path, target: Path) -> bool:
    """Give a file a second name. False where the file system has no such thing."""
    try:
        os.link(existing, target)
    except OSError:
        return False
    return True


def delete_folder(folder: Path) -> None:
    """Delete a model's folder, which is gone at once or not at all. Raises OSError."""
    if not folder.exists():
        return
    doomed = folder.with_name(f"{_REMOVED}{folder.name}")
    if doomed.exists():
        shutil.rmtree(doomed)
    move_into_place(folder, doomed)
    shutil.rmtree(doomed)


def delete_removed(models_folder: Path) -> None:
    """Finish deletions that were interrupted."""
    for folder in models_folder.glob(f"{_REMOVED}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _give_back(group: TensorGroup, source: Header) -> None:
    names = {tensor.name for tensor in group.tensors}
    for tensor in source.tensors:
        if tensor.name in names:
            give_back(source.parts[tensor.part], tensor.offset, tensor.size_bytes)
