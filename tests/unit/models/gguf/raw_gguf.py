"""GGUF files byte by byte, so that a test can get any part of one wrong."""

import struct
from collections.abc import Sequence

UINT32, INT32, FLOAT32, BOOLEAN, STRING, ARRAY, UINT64 = 4, 5, 6, 7, 8, 9, 10
FORMATS = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOLEAN: "<?", UINT64: "<Q"}


def string(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw


def scalar(key: str, value_type: int, value: float) -> bytes:
    return string(key) + struct.pack("<I", value_type) + struct.pack(FORMATS[value_type], value)


def text(key: str, value: str | bytes) -> bytes:
    return string(key) + struct.pack("<I", STRING) + string(value)


def array(key: str, value_type: int, count: int, content: bytes) -> bytes:
    return string(key) + struct.pack("<IIQ", ARRAY, value_type, count) + content


def tensor(name: str, shape: Sequence[int] = (8,), type_number: int = 0, offset: int = 0) -> bytes:
    return string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, type_number, offset)


def gguf(
    pairs: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    data_bytes: int = 0,
    *,
    version: int = 3,
    key_count: int | None = None,
    tensor_count: int | None = None,
    alignment: int = 32,
) -> bytes:
    head = b"GGUF" + struct.pack(
        "<IQQ",
        version,
        len(tensors) if tensor_count is None else tensor_count,
        len(pairs) if key_count is None else key_count,
    )
    content = head + b"".join(pairs) + b"".join(tensors)
    return content + bytes(-len(content) % alignment) + bytes(data_bytes)
