"""Writes what stands before the tensors of a GGUF file: its start, metadata entries, tensor descriptions."""

import struct
from collections.abc import Sequence

from .tables import ARRAY, DEFAULT_ALIGNMENT, MAGIC, SCALAR_FORMATS, STRING, VERSIONS

Scalar = int | float | bool | str


def file_start(tensor_count: int, key_count: int) -> bytes:
    """The first bytes of a file with so many tensors and keys."""
    return MAGIC + struct.pack("<IQQ", VERSIONS[-1], tensor_count, key_count)


def metadata_entry(key: str, value_type: int, value: Scalar | Sequence[Scalar]) -> bytes:
    """A key with its value, or an array of values, of one of the types of `tables.py`."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return _text(key) + struct.pack("<I", value_type) + _scalar(value_type, value)
    content = b"".join(_scalar(value_type, each) for each in value)
    return _text(key) + struct.pack("<IIQ", ARRAY, value_type, len(value)) + content


def tensor_entry(name: str, shape: Sequence[int], type_number: int, offset: int) -> bytes:
    """The description of a tensor that lies `offset` bytes behind the start of the tensor data."""
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return _text(name) + dimensions + struct.pack("<IQ", type_number, offset)


def padded(size_bytes: int) -> int:
    """Up to where the next tensor begins."""
    return -(-size_bytes // DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT


def _scalar(value_type: int, value: Scalar) -> bytes:
    return _text(str(value)) if value_type == STRING else struct.pack(SCALAR_FORMATS[value_type], value)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()
