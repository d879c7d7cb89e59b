"""Writes one tensor group as a GGUF of its own, and the metadata as another: together what llama.cpp calls a split model.

llama.cpp maps every part where it lies and compares only `split.no`, so equal groups of two models at the same place are one file
with two names. (ggml `docs/gguf.md`; `llama-model-loader.cpp`, checked for build 0.3.36 by the tests.)
"""

from collections.abc import Callable, Generator
from pathlib import Path

from blake3 import blake3

from crofter.core import CrofterError, ErrorCode
from crofter.models.gguf.header import Header
from crofter.models.gguf.tables import INT32, TYPE_NUMBERS, UINT16
from crofter.models.gguf.writing import file_start, metadata_entry, padded, tensor_entry
from crofter.store import new_file, read_range

from .manifest import TensorEntry, TensorGroup, metadata_entries


def write_metadata_shard(source: Path, target: Path, tensor_count: int, shard_count: int) -> None:
    """The first part: all metadata, the vocabulary included, and no tensors. Raises as `new_file`."""
    entries = [entry for _, entry in metadata_entries(source)]
    entries.append(metadata_entry("split.no", UINT16, 0))
    entries.append(metadata_entry("split.count", UINT16, shard_count))
    entries.append(metadata_entry("split.tensors.count", INT32, tensor_count))
    content = b"".join([file_start(0, len(entries)), *entries])
    with new_file(target, len(content)) as file:
        file.write(content)


def write_group_shard(
    group: TensorGroup, number: int, source: Header, target: Path, observe: Callable[[int], None]
) -> None:
    """Part `number` (from 1; 0 is the metadata): the group's tensors, copied and hashed again on the way.

    `observe` is told of every number of bytes written. Raises as `new_file`, and CONFLICT if the source is no longer what it was.
    """
    tensors = {tensor.name: tensor for tensor in source.tensors}
    header = group_header(group, number)
    with new_file(target, len(header) + group.size_bytes) as file:
        file.write(header)
        for entry in group.tensors:
            file.write(bytes(padded(file.tell()) - file.tell()))
            tensor = tensors[entry.name]
            hasher = blake3(max_threads=blake3.AUTO)
            for block in read_range(source.parts[tensor.part], tensor.offset, tensor.size_bytes):
                file.write(block)
                hasher.update(block)
                observe(len(block))
            if hasher.hexdigest() != entry.hash:
                raise CrofterError(
                    ErrorCode.CONFLICT, f"{source.parts[tensor.part]} changed while it was read: try again."
                )


def group_header(group: TensorGroup, number: int) -> bytes:
    """What stands before the data of a group's part, padded up to it."""
    parts = [file_start(len(group.tensors), 1), metadata_entry("split.no", UINT16, number)]
    parts += [
        tensor_entry(tensor.name, tensor.shape, TYPE_NUMBERS[tensor.type], tensor.offset) for tensor in group.tensors
    ]
    header = b"".join(parts)
    return header.ljust(padded(len(header)), b"\0")


def group_data(group: TensorGroup, header: Header) -> Generator[bytes]:
    """A group's data as its manifest lays it out, from whichever files hold it; what a peer is given.

    Raises MODEL_INVALID, after the bytes of a tensor that is not what the manifest says; OSError.
    """
    tensors = {tensor.name: tensor for tensor in header.tensors}
    position = 0
    for entry in group.tensors:
        yield bytes(entry.offset - position)
        tensor = tensors.get(entry.name)
        if tensor is None or tensor.size_bytes != entry.size_bytes:
            raise _damaged(header, entry)
        hasher = blake3(max_threads=blake3.AUTO)
        for block in read_range(header.parts[tensor.part], tensor.offset, tensor.size_bytes):
            hasher.update(block)
            yield block
        if hasher.hexdigest() != entry.hash:
            raise _damaged(header, entry)
        position = entry.offset + entry.size_bytes


def is_intact(group: TensorGroup, header: Header) -> bool:
    """Whether files still hold exactly this group. Raises OSError."""
    try:
        for _ in group_data(group, header):
            pass
    except CrofterError:
        return False
    return True


def _damaged(header: Header, entry: TensorEntry) -> CrofterError:
    return CrofterError(ErrorCode.MODEL_INVALID, f"{header.path.parent}: the tensor {entry.name} is damaged.")
