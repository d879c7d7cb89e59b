"""What a model is, byte for byte: its metadata's digest and every tensor's, in groups that can be stored and served one by one.

The id of a model is the hash of its manifest. It does not depend on how a publisher cut the model into files, in which order the
tensors lie there, or where Crofter keeps them.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec
from blake3 import blake3

from crofter.core import ModelId
from crofter.models.gguf.header import Header, key_spans
from crofter.models.gguf.parts import SPLIT_KEYS
from crofter.models.gguf.writing import padded
from crofter.store import Progress, read_range

_LAYER = re.compile(r"(?P<group>(?:.+\.)?blk\.\d+)\.(?P<part>.+)", re.DOTALL)
_DECODER_LAYER = re.compile(r"blk\.(\d+)")
_FIRST_GROUP = "token_embd"


class TensorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor."""

    name: str
    shape: tuple[int, ...]
    """In GGUF's order: the first dimension is the one that lies together in memory."""
    type: str
    offset: int
    """From the start of its group's data, where tensors lie by name, each at a multiple of 32 bytes."""
    size_bytes: int
    hash: str
    """BLAKE3 of its bytes."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A model without its weights. Canonical as JSON: fields and tensors in their order, no spaces."""

    format: Literal["crofter-manifest-1"] = "crofter-manifest-1"
    metadata: str
    """BLAKE3 of all metadata entries but `split.*` as they are encoded in GGUF, by key."""
    tensors: tuple[TensorEntry, ...]
    """By group, and in it by name."""


class TensorGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Tensors that belong together: those of a layer, or of one part outside the layers."""

    name: str
    """`blk.7`, `token_embd`, `output_norm`."""
    group_id: str
    """BLAKE3 over kinds, shapes and hashes without the layer's number: a layer is the same layer wherever a slice puts it."""
    tensors: tuple[TensorEntry, ...]

    @property
    def size_bytes(self) -> int:
        """Of its data, the last tensor unpadded."""
        return self.tensors[-1].offset + self.tensors[-1].size_bytes


def manifest_of(header: Header, progress: Progress) -> Manifest:
    """Read and hash every byte of a model. Raises OSError, MODEL_INVALID if a file ends early, or what `progress` raises."""
    total_bytes = sum(tensor.size_bytes for tensor in header.tensors)
    hashes: dict[str, str] = {}
    done_bytes = 0
    for tensor in sorted(header.tensors, key=lambda each: (each.part, each.offset)):
        hasher = blake3(max_threads=blake3.AUTO)
        for block in read_range(header.parts[tensor.part], tensor.offset, tensor.size_bytes):
            hasher.update(block)
            done_bytes += len(block)
            progress(done_bytes, total_bytes)
        hashes[tensor.name] = hasher.hexdigest()
    entries: list[TensorEntry] = []
    group, offset = "", 0
    for tensor in sorted(header.tensors, key=lambda each: tensor_place(each.name)):
        if group_name(tensor.name) != group:
            group, offset = group_name(tensor.name), 0
        entries.append(
            TensorEntry(
                name=tensor.name,
                shape=tensor.shape,
                type=tensor.type.name,
                offset=offset,
                size_bytes=tensor.size_bytes,
                hash=hashes[tensor.name],
            )
        )
        offset += padded(tensor.size_bytes)
    return Manifest(metadata=_metadata_digest(header.path), tensors=tuple(entries))


def matches(manifest: Manifest, header: Header) -> bool:
    """Whether files have the metadata and tensors of a manifest, as far as headers tell. Raises OSError, MODEL_INVALID."""
    tensors = {tensor.name: (tensor.shape, tensor.type.name) for tensor in header.tensors}
    expected = {entry.name: (entry.shape, entry.type) for entry in manifest.tensors}
    return tensors == expected and _metadata_digest(header.path) == manifest.metadata


def manifest_id(manifest: Manifest) -> ModelId:
    """The model's id."""
    return ModelId(blake3(msgspec.json.encode(manifest)).hexdigest())


def groups_of(manifest: Manifest) -> tuple[TensorGroup, ...]:
    """The groups in the order in which they are stored."""
    tensors: dict[str, list[TensorEntry]] = {}
    for tensor in manifest.tensors:
        tensors.setdefault(group_name(tensor.name), []).append(tensor)
    return tuple(
        TensorGroup(name=name, group_id=_group_id(name, members), tensors=tuple(members))
        for name, members in tensors.items()
    )


def group_name(tensor_name: str) -> str:
    """`blk.7.attn_q.weight` is in `blk.7`, `output_norm.weight` in `output_norm`."""
    layer = _LAYER.fullmatch(tensor_name)
    return layer["group"] if layer else tensor_name.partition(".")[0]


def metadata_entries(path: Path) -> list[tuple[str, bytes]]:
    """The metadata entries of a GGUF as they are encoded, by key, without those about splitting."""
    with path.open("rb") as file:
        entries: list[tuple[str, bytes]] = []
        for key, start, stop in key_spans(path):
            if not key.startswith(SPLIT_KEYS):
                file.seek(start)
                entries.append((key, file.read(stop - start)))
    return sorted(entries)


def _metadata_digest(path: Path) -> str:
    hasher = blake3()
    for _, entry in metadata_entries(path):
        hasher.update(entry)
    return hasher.hexdigest()


def tensor_place(tensor_name: str) -> tuple[int, int, str, str]:
    """To sort by: the embedding, then the layers by number, then the rest by name: one family has equal groups at equal places."""
    group = group_name(tensor_name)
    layer = _DECODER_LAYER.fullmatch(group)
    if layer:
        return (1, int(layer[1]), group, tensor_name)
    return (0 if group == _FIRST_GROUP else 2, 0, group, tensor_name)


def _group_id(name: str, tensors: Iterable[TensorEntry]) -> str:
    content = [
        (tensor.name.removeprefix(name), tensor.type, tensor.shape, tensor.size_bytes, tensor.hash)
        for tensor in tensors
    ]
    return blake3(msgspec.json.encode((name.rpartition(".")[0] or name, content))).hexdigest()
