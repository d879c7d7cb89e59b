"""Writes a slice as one GGUF, from wherever the bytes of its tensors come."""

import math
import struct
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from crofter.core import CrofterError, ErrorCode
from crofter.models.gguf.header import Header
from crofter.models.gguf.writing import file_start, metadata_entry, padded, tensor_entry
from crofter.models.storage.manifest import metadata_entries
from crofter.store import new_file, read_range

from .metadata import Edits, Part, Put
from .tensors import Pairs, SliceTensor

TensorData = Callable[[str], Iterator[bytes]]
"""The bytes of a tensor of the whole model, by its name, in blocks of any size."""

_FORMATS = {"F32": "f", "F16": "e"}
"""Of the types whose numbers can be multiplied."""

_VALUE_TYPE_BYTES = 4
_COUNT_BYTES = 8


def local_data(header: Header) -> TensorData:
    """Reads tensors from the files of a model, whole, in parts or divided by layers."""
    tensors = {tensor.name: tensor for tensor in header.tensors}

    def read(name: str) -> Iterator[bytes]:
        tensor = tensors[name]
        return read_range(header.parts[tensor.part], tensor.offset, tensor.size_bytes)

    return read


def write_slice(source: Path, metadata: Edits, tensors: Sequence[SliceTensor], read: TensorData, target: Path) -> None:
    """Write the metadata of `source`, edited, and these tensors to `target`, which is whole or absent.

    Zeros are left out of the file where the disk can do that. Raises as `new_file` and `read`, and MODEL_INVALID if a tensor's bytes
    are more or fewer than its description says.
    """
    head = _head(_entries(source, metadata), tensors)
    size_bytes = len(head) + sum(padded(tensor.size_bytes) for tensor in tensors)
    with new_file(target, size_bytes) as file:
        file.write(head)
        position = len(head)
        for tensor in tensors:
            if tensor.source or tensor.value:
                file.seek(position)
                _write_tensor(tensor, read, file)
            position += padded(tensor.size_bytes)
        file.truncate(size_bytes)


def _head(entries: Sequence[bytes], tensors: Sequence[SliceTensor]) -> bytes:
    descriptions: list[bytes] = []
    offset = 0
    for tensor in tensors:
        descriptions.append(tensor_entry(tensor.name, tensor.shape, tensor.type_number, offset))
        offset += padded(tensor.size_bytes)
    head = b"".join([file_start(len(tensors), len(entries)), *entries, *descriptions])
    return head.ljust(padded(len(head)), b"\0")


def _entries(path: Path, metadata: Edits) -> list[bytes]:
    edits = dict(metadata)
    entries: list[bytes] = []
    for key, entry in metadata_entries(path):
        edit = edits.pop(key, entry)
        if isinstance(edit, bytes):
            entries.append(edit)
        elif isinstance(edit, Put):
            entries.append(metadata_entry(key, edit.value_type, edit.value))
        elif isinstance(edit, Part):
            entries.append(_array_part(key, entry, edit))
    entries += [
        metadata_entry(key, edit.value_type, edit.value) for key, edit in sorted(edits.items()) if isinstance(edit, Put)
    ]
    return entries


def _array_part(key: str, entry: bytes, part: Part) -> bytes:
    """An encoded array of numbers, shortened."""
    start = _COUNT_BYTES + len(key.encode()) + _VALUE_TYPE_BYTES
    value_type, count = struct.unpack_from("<IQ", entry, start)
    values = entry[start + _VALUE_TYPE_BYTES + _COUNT_BYTES :]
    width = len(values) // count
    kept = values[part.start * width : part.stop * width]
    return entry[:start] + struct.pack("<IQ", value_type, len(kept) // width) + kept


def _write_tensor(tensor: SliceTensor, read: TensorData, file: BinaryIO) -> None:
    written_bytes = 0
    for block in _content(tensor, read):
        file.write(block)
        written_bytes += len(block)
    if written_bytes != tensor.size_bytes:
        raise CrofterError(
            ErrorCode.MODEL_INVALID,
            f"The tensor {tensor.source} has {written_bytes:,} bytes where {tensor.size_bytes:,} were expected.",
        )


def _content(tensor: SliceTensor, read: TensorData) -> Generator[bytes]:
    if not tensor.source:
        yield struct.pack("<f", tensor.value) * (tensor.size_bytes // 4)
    elif tensor.pairs is not None:
        yield _apart(b"".join(read(tensor.source)), tensor, tensor.pairs)
    elif tensor.factor != 1:
        yield _multiplied(b"".join(read(tensor.source)), tensor)
    else:
        yield from read(tensor.source)


def _apart(data: bytes, tensor: SliceTensor, pairs: Pairs) -> bytes:
    """In each head, first the even ones of the rows that are rotated, then the odd ones, then the rest as it was."""
    row_bytes = len(data) // tensor.shape[-1]
    half = pairs.rotated // 2
    order = [*range(0, 2 * half, 2), *range(1, 2 * half, 2), *range(2 * half, pairs.head_rows)]
    rows = [
        data[(head + row) * row_bytes : (head + row + 1) * row_bytes]
        for head in range(0, tensor.shape[-1], pairs.head_rows)
        for row in order
    ]
    return b"".join(rows)


def _multiplied(data: bytes, tensor: SliceTensor) -> bytes:
    form = f"<{math.prod(tensor.shape)}{_FORMATS[tensor.type.name]}"
    return struct.pack(form, *(number * tensor.factor for number in struct.unpack(form, data)))
