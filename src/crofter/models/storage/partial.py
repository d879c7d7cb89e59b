"""A model of which only some groups of tensors are here: what a node needs that holds some of its layers.

Its folder has the manifest, the metadata as a GGUF without tensors, and each group as a file of its data as the manifest lays it out.
All of it is checked against the model's id, whoever it came from.
"""

import os
import shutil
from collections.abc import Iterable
from math import prod
from pathlib import Path

import msgspec
from blake3 import blake3

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.models.gguf.header import Header, Tensor, read_header
from crofter.models.gguf.tables import TENSOR_TYPES
from crofter.models.gguf.writing import file_start
from crofter.store import move_into_place, read_range, write_atomically

from .manifest import Manifest, TensorGroup, groups_of, manifest_id, metadata_digest, metadata_entries, padded

_MANIFEST_FILE, _METADATA_FILE = "manifest.json", "metadata.gguf"
_TYPES = {tensor_type.name: tensor_type for tensor_type in TENSOR_TYPES.values()}


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """A model without its weights, as it is given to others."""

    manifest: bytes
    """Canonical JSON; its hash is the model's id."""
    metadata: tuple[bytes, ...]
    """The entries of the GGUF's metadata as they are encoded, by key."""


def description_of(manifest: Manifest, header: Header) -> Description:
    """Of a model that is here. Raises OSError, MODEL_INVALID."""
    entries = tuple(entry for _, entry in metadata_entries(header.path))
    return Description(manifest=msgspec.json.encode(manifest), metadata=entries)


class PartialModel:
    """The folder. Blocking. Several may write different groups; each group has one who writes it."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        self.groups = {group.group_id: group for group in groups_of(manifest)}
        self._folder = folder

    @classmethod
    def opened(cls, folder: Path) -> "PartialModel | None":
        """What is here already; None if it is not described here."""
        try:
            manifest = msgspec.json.decode((folder / _MANIFEST_FILE).read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError):
            return None
        return cls(folder, manifest)

    @classmethod
    def described(cls, folder: Path, model_id: ModelId, description: Description) -> "PartialModel":
        """Keep what somebody says a model is. Raises DOWNLOAD_DAMAGED if that is not what the id stands for; DISK_FULL, OSError."""
        try:
            manifest = msgspec.json.decode(description.manifest, type=Manifest)
        except msgspec.MsgspecError as error:
            raise _not_it(model_id, "its manifest is none") from error
        if manifest_id(manifest) != model_id:
            raise _not_it(model_id, "its manifest has another hash")
        if not all(map(_is_possible, groups_of(manifest))):
            raise _not_it(model_id, "its manifest has tensors that cannot be")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = b"".join((file_start(0, len(description.metadata)), *description.metadata))
        write_atomically(folder / _METADATA_FILE, content)
        if metadata_digest(folder / _METADATA_FILE) != manifest.metadata:
            raise _not_it(model_id, "its metadata has another hash")
        write_atomically(folder / _MANIFEST_FILE, description.manifest)
        return cls(folder, manifest)

    def header(self) -> Header:
        """As of the whole model; each group is a part of its own, whether its file is here or not. Raises MODEL_INVALID."""
        described = read_header(self._folder / _METADATA_FILE)
        groups = list(self.groups.values())
        tensors = [
            Tensor(entry.name, entry.shape, _TYPES[entry.type], entry.offset, entry.size_bytes, number)
            for number, group in enumerate(groups)
            for entry in group.tensors
        ]
        return msgspec.structs.replace(
            described,
            size_bytes=described.size_bytes + sum(group.size_bytes for group in groups),
            tensors=tuple(tensors),
            parts=tuple(self._path(group) for group in groups),
        )

    def missing(self, names: Iterable[str]) -> list[TensorGroup]:
        """Those of the groups called so that are not here, in the order of the model."""
        wanted = set(names)
        return [group for group in self.groups.values() if group.name in wanted and not self._path(group).is_file()]

    def begun_bytes(self, group: TensorGroup) -> int:
        """How much of a group came before it was interrupted."""
        try:
            return min(self._incoming(group).stat().st_size, group.size_bytes)
        except OSError:
            return 0

    def add(self, group: TensorGroup, data: bytes) -> int:
        """More of a group, in order; returns how much of it is there now.

        Raises DOWNLOAD_DAMAGED if it is longer than it should be, OSError.
        """
        if self.begun_bytes(group) + len(data) > group.size_bytes:
            self._incoming(group).unlink(missing_ok=True)
            raise _damaged(group, "it is too long")
        with self._incoming(group).open("ab") as file:
            file.write(data)
            return file.tell()

    def finish(self, group: TensorGroup) -> None:
        """Check what came, tensor by tensor, and keep it. Raises DOWNLOAD_DAMAGED, and then nothing is left of it; OSError."""
        incoming = self._incoming(group)
        if self.begun_bytes(group) != group.size_bytes:
            raise _damaged(group, "it ends too early")
        for entry in group.tensors:
            hasher = blake3(max_threads=blake3.AUTO)
            for block in read_range(incoming, entry.offset, entry.size_bytes):
                hasher.update(block)
            if hasher.hexdigest() != entry.hash:
                incoming.unlink(missing_ok=True)
                raise _damaged(group, f"{entry.name} has another hash")
        with incoming.open("rb") as file:
            os.fsync(file.fileno())
        move_into_place(incoming, self._path(group))

    def forget_groups(self, names: Iterable[str]) -> None:
        """Delete the data of the groups called so: what was made of it stays."""
        wanted = set(names)
        for group in self.groups.values():
            if group.name in wanted:
                self._path(group).unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete all of it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, group: TensorGroup) -> Path:
        return self._folder / f"{group.group_id}.group"

    def _incoming(self, group: TensorGroup) -> Path:
        return self._folder / f"{group.group_id}.begun"


def _is_possible(group: TensorGroup) -> bool:
    """Whether each tensor is of a type that is known, as large as its shape says, and begins where the one before it ends."""
    position = 0
    for entry in group.tensors:
        kind, elements = _TYPES.get(entry.type), prod(entry.shape)
        if kind is None or elements <= 0 or entry.shape[0] % kind.block_elements or entry.offset != position:
            return False
        if entry.size_bytes != elements // kind.block_elements * kind.block_bytes:
            return False
        position = padded(entry.offset + entry.size_bytes)
    return True


def _not_it(model_id: ModelId, reason: str) -> CrofterError:
    return CrofterError(ErrorCode.DOWNLOAD_DAMAGED, f"that is not the model {model_id[:12]}: {reason}")


def _damaged(group: TensorGroup, reason: str) -> CrofterError:
    return CrofterError(ErrorCode.DOWNLOAD_DAMAGED, f"{group.name} did not come as it should: {reason}")
