"""Reads the header of a GGUF file: metadata and tensor descriptions, never the weights. The file may be hostile."""

import math
import stat
import struct
from collections.abc import Generator
from pathlib import Path

import msgspec

from crofter.core import CrofterError, ErrorCode

from .reader import BoundedReader
from .tables import ARRAY, BOOLEAN, DEFAULT_ALIGNMENT, MAGIC, SCALAR_FORMATS, STRING, TENSOR_TYPES, VERSIONS, TensorType

_MAXIMUM_KEYS = 65_536
_MAXIMUM_TENSORS = 65_536
_MAXIMUM_STRING_BYTES = 16 << 20
_MAXIMUM_KEY_BYTES = 65_535
_MAXIMUM_TENSOR_NAME_BYTES = 63  # llama.cpp's GGML_MAX_NAME, less the final zero
_MAXIMUM_DIMENSIONS = 4
_MAXIMUM_ELEMENTS = (1 << 63) - 1
_READ_ARRAY_ELEMENTS = 4_096
_COUNTS_OFFSET = 8  # after the magic and the version


class Array(msgspec.Struct, frozen=True):
    """An array that was left in the file: token lists have hundreds of thousands of entries that few readers want."""

    value_type: int
    count: int
    offset: int


Value = int | float | bool | str | tuple[int | float | bool, ...] | Array


class Tensor(msgspec.Struct, frozen=True):
    """Where a tensor is and how it is stored."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    offset: int
    """From the start of the file."""
    size_bytes: int
    part: int = 0
    """In which of the header's `parts` it lies."""


class Header(msgspec.Struct, frozen=True):
    """Everything before the weights. Arrays of strings, and long ones of numbers, stay in the file."""

    path: Path
    size_bytes: int
    version: int
    metadata: dict[str, Value]
    tensors: tuple[Tensor, ...]
    parts: tuple[Path, ...]
    """The files of a model that is split over several; one otherwise."""

    def invalid(self, reason: str) -> CrofterError:
        """The error for a header that can be read and means nothing usable."""
        return CrofterError(ErrorCode.MODEL_INVALID, f"{self.path.name} is not a usable GGUF model: {reason}.")

    def integer(self, key: str, default: int | None = None, *, limit: int = (1 << 31) - 1) -> int:
        """A whole number from 0 to `limit`. Raises MODEL_INVALID if it is another kind, or missing without a default."""
        value = self.metadata.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
            raise self.invalid(
                f"{key} should be a whole number up to {limit:,}" + (", but is missing" if value is None else "")
            )
        return value

    def text(self, key: str, default: str = "") -> str:
        """A string. Raises MODEL_INVALID if it is another kind."""
        value = self.metadata.get(key, default)
        if not isinstance(value, str):
            raise self.invalid(f"{key} should be a string")
        return value

    def array_length(self, key: str) -> int:
        """How many entries an array has; 0 if there is none."""
        value = self.metadata.get(key)
        if isinstance(value, Array):
            return value.count
        return len(value) if isinstance(value, tuple) else 0

    def numbers(self, key: str) -> tuple[int | float | bool, ...]:
        """The entries of an array of numbers; none if there is no such array. Raises as `read_header`."""
        value = self.metadata.get(key)
        if isinstance(value, Array) and value.value_type in SCALAR_FORMATS:
            with self.path.open("rb") as file:
                reader = BoundedReader(file, self.path)
                reader.skip(value.offset)
                return _scalars(reader, value.value_type, value.count)
        return value if isinstance(value, tuple) else ()

    def strings(self, key: str) -> Generator[bytes]:
        """The entries of an array of strings, one by one; none if there is no such array. Raises as `read_header`."""
        array = self.metadata.get(key)
        if not isinstance(array, Array) or array.value_type != STRING:
            return
        with self.path.open("rb") as file:
            reader = BoundedReader(file, self.path)
            reader.skip(array.offset)
            for _ in range(array.count):
                yield reader.string(_MAXIMUM_STRING_BYTES)


def read_header(path: Path) -> Header:
    """Read and check the header of the GGUF at `path`.

    Raises MODEL_INVALID, with the reason, for anything that is not a whole little-endian GGUF v2 or v3 whose tensors lie inside the
    file without overlap; MODEL_NOT_FOUND if there is no file. Takes bounded time and memory whatever the file says.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CrofterError(ErrorCode.MODEL_INVALID, f"{path} is not a file: give the path of a .gguf file.")
        with path.open("rb") as file:
            return _header(BoundedReader(file, path), path)
    except OSError as error:
        raise CrofterError(ErrorCode.MODEL_NOT_FOUND, f"{path} cannot be read: {error.strerror}.") from error


def key_spans(path: Path) -> list[tuple[str, int, int]]:
    """Every metadata key of a GGUF with where its entry begins and stops in the file. Raises as `read_header`."""
    with path.open("rb") as file:
        reader = BoundedReader(file, path)
        reader.skip(_COUNTS_OFFSET)
        _count(reader, _MAXIMUM_TENSORS, "tensors")
        spans: list[tuple[str, int, int]] = []
        for _ in range(_count(reader, _MAXIMUM_KEYS, "keys")):
            start = reader.position
            key = _name(reader, _MAXIMUM_KEY_BYTES)
            _value(reader, reader.number("<I"))
            spans.append((key, start, reader.position))
        return spans


def _header(reader: BoundedReader, path: Path) -> Header:
    if reader.take(4) != MAGIC:
        raise reader.invalid("it does not begin with GGUF; other formats have to be converted first")
    version = reader.number("<I")
    if version not in VERSIONS:
        # A big-endian 2 or 3 read the wrong way round has its low half empty.
        raise reader.invalid(
            "it is big-endian" if version and not version & 0xFFFF else f"version {version} is not known"
        )
    tensor_count = _count(reader, _MAXIMUM_TENSORS, "tensors")
    key_count = _count(reader, _MAXIMUM_KEYS, "keys")
    metadata: dict[str, Value] = {}
    for _ in range(key_count):
        key = _name(reader, _MAXIMUM_KEY_BYTES)
        if key in metadata:
            raise reader.invalid(f"the key {key[:80]!r} occurs twice")
        metadata[key] = _value(reader, reader.number("<I"))
    tensors = _tensors(reader, tensor_count, _alignment(reader, metadata))
    return Header(path, reader.size_bytes, version, metadata, tensors, (path,))


def _count(reader: BoundedReader, limit: int, what: str) -> int:
    count = reader.number("<Q")
    if count > limit:
        raise reader.invalid(f"it claims {count:,} {what}; at most {limit:,} are allowed")
    reader.count_items(count, what)
    return count


def _name(reader: BoundedReader, limit_bytes: int) -> str:
    try:
        return reader.string(limit_bytes).decode()
    except UnicodeDecodeError:
        raise reader.invalid(f"a name before offset {reader.position:,} is not UTF-8") from None


def _value(reader: BoundedReader, value_type: int) -> Value:
    if value_type == STRING:
        return reader.string(_MAXIMUM_STRING_BYTES).decode(errors="replace")
    if value_type == ARRAY:
        return _array(reader)
    return _scalars(reader, value_type, 1)[0]


def _scalars(reader: BoundedReader, value_type: int, count: int) -> tuple[int | float | bool, ...]:
    form = _scalar_format(reader, value_type)
    return struct.unpack(f"<{count}{form[1]}", reader.take(count * struct.calcsize(form)))


def _scalar_format(reader: BoundedReader, value_type: int) -> str:
    form = SCALAR_FORMATS.get(value_type)
    if form is None:
        raise reader.invalid(f"value type {value_type} at offset {reader.position:,} is not known")
    return form


def _array(reader: BoundedReader) -> Value:
    value_type = reader.number("<I")
    count = reader.number("<Q")
    array = Array(value_type, count, reader.position)
    if value_type == STRING:
        reader.skip_strings(count)
        return array
    if value_type == ARRAY:
        raise reader.invalid("it has an array of arrays, which llama.cpp does not read")
    form = _scalar_format(reader, value_type)
    if count <= _READ_ARRAY_ELEMENTS and value_type != BOOLEAN:
        return _scalars(reader, value_type, count)
    reader.skip(count * struct.calcsize(form))
    return array


def _alignment(reader: BoundedReader, metadata: dict[str, Value]) -> int:
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if isinstance(alignment, bool) or not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise reader.invalid("general.alignment is not a power of two")
    return alignment


def _tensors(reader: BoundedReader, count: int, alignment: int) -> tuple[Tensor, ...]:
    tensors: dict[str, Tensor] = {}
    for _ in range(count):
        tensor = _tensor(reader, alignment)
        if tensor.name in tensors:
            raise reader.invalid(f"the tensor {tensor.name!r} occurs twice")
        tensors[tensor.name] = tensor
    data_start = -(-reader.position // alignment) * alignment
    placed = [msgspec.structs.replace(tensor, offset=data_start + tensor.offset) for tensor in tensors.values()]
    end = data_start
    for tensor in sorted(placed, key=lambda each: each.offset):
        if tensor.offset < end:
            raise reader.invalid(f"the tensor {tensor.name!r} overlaps another")
        end = tensor.offset + tensor.size_bytes
        if end > reader.size_bytes:
            raise reader.invalid(
                f"the tensor {tensor.name!r} ends at byte {end:,} of a file of {reader.size_bytes:,}; an incomplete download?"
            )
    return tuple(placed)


def _tensor(reader: BoundedReader, alignment: int) -> Tensor:
    """The next tensor description, its offset still counted from the start of the tensor data."""
    name = _name(reader, _MAXIMUM_TENSOR_NAME_BYTES)
    dimension_count = reader.number("<I")
    if not 1 <= dimension_count <= _MAXIMUM_DIMENSIONS:
        raise reader.invalid(f"the tensor {name!r} has {dimension_count:,} dimensions")
    shape = struct.unpack(f"<{dimension_count}Q", reader.take(8 * dimension_count))
    type_number = reader.number("<I")
    offset = reader.number("<Q")
    tensor_type = TENSOR_TYPES.get(type_number)
    if tensor_type is None:
        raise reader.invalid(f"the tensor {name!r} has type {type_number}, which this version does not know")
    elements = math.prod(shape)
    if not 0 < elements <= _MAXIMUM_ELEMENTS or shape[0] % tensor_type.block_elements:
        raise reader.invalid(f"the tensor {name!r} has the impossible shape {shape} for {tensor_type.name}")
    if offset % alignment:
        raise reader.invalid(f"the tensor {name!r} is not aligned to {alignment} bytes")
    size_bytes = elements // tensor_type.block_elements * tensor_type.block_bytes
    return Tensor(name, shape, tensor_type, offset, size_bytes)
