"""Makes one GGUF of the parts of a split one, as `llama-gguf-split --merge` does: all keys of the first part, all tensors."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from crofter.core import CrofterError, ErrorCode
from crofter.models.gguf import DEFAULT_ALIGNMENT, MAGIC, TENSOR_TYPES, VERSIONS
from crofter.models.header import Header, Tensor, key_spans, read_header
from crofter.store import Progress

_BLOCK_BYTES = 4 << 20
_TYPE_NUMBERS = {tensor_type: number for number, tensor_type in TENSOR_TYPES.items()}
_SPLIT_KEYS = "split."


def join_parts(parts: Sequence[Path], target: Path, progress: Progress) -> None:
    """Write the whole model to `target`, which is replaced. The parts, in order, stay. Raises MODEL_INVALID or OSError."""
    headers = [read_header(part) for part in parts]
    _check(headers)
    first = headers[0]
    alignment = first.integer("general.alignment", DEFAULT_ALIGNMENT)
    spans = [span for span in key_spans(parts[0]) if not span[0].startswith(_SPLIT_KEYS)]
    tensors = [(header.path, tensor) for header in headers for tensor in header.tensors]
    total_bytes = sum(tensor.size_bytes for _, tensor in tensors)
    with target.open("wb") as out, parts[0].open("rb") as source:
        target.chmod(0o600)
        out.write(MAGIC + struct.pack("<IQQ", VERSIONS[-1], len(tensors), len(spans)))
        for _, start, stop in spans:
            source.seek(start)
            out.write(source.read(stop - start))
        offset = 0
        for _, tensor in tensors:
            out.write(_description(tensor, offset))
            offset += _padded(tensor.size_bytes, alignment)
        done_bytes = 0
        for path, tensor in tensors:
            out.write(bytes(-out.tell() % alignment))
            done_bytes = _copy(path, tensor, out, done_bytes, total_bytes, progress)
        out.write(bytes(-out.tell() % alignment))
        out.flush()


def _check(headers: Sequence[Header]) -> None:
    names = [tensor.name for header in headers for tensor in header.tensors]
    expected = headers[0].integer("split.tensors.count", len(names))
    numbers = [header.integer("split.no", 0) for header in headers]
    counts = {header.integer("split.count", 1) for header in headers}
    if (
        numbers != list(range(len(headers)))
        or counts != {len(headers)}
        or len(set(names)) != len(names)
        or len(names) != expected
    ):
        raise CrofterError(
            ErrorCode.MODEL_INVALID,
            f"{headers[0].path.name} and the other {len(headers) - 1} parts do not belong together.",
        )


def _description(tensor: Tensor, offset: int) -> bytes:
    name = tensor.name.encode()
    shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
    return struct.pack("<Q", len(name)) + name + shape + struct.pack("<IQ", _TYPE_NUMBERS[tensor.type], offset)


def _padded(size_bytes: int, alignment: int) -> int:
    return -(-size_bytes // alignment) * alignment


def _copy(path: Path, tensor: Tensor, out: BinaryIO, done_bytes: int, total_bytes: int, progress: Progress) -> int:
    with path.open("rb") as source:
        source.seek(tensor.offset)
        left = tensor.size_bytes
        while left:
            block = source.read(min(left, _BLOCK_BYTES))
            if not block:
                raise CrofterError(ErrorCode.MODEL_INVALID, f"{path.name} ended too early.")
            out.write(block)
            left -= len(block)
            done_bytes += len(block)
            progress(done_bytes, total_bytes)
    return done_bytes
