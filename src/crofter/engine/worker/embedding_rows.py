"""A model's token embeddings, read row by row from its file and made float32 by ggml's own conversion."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (the binding's library object is untyped)

import ctypes
import mmap
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as llama
from llama_cpp._ggml import libggml  # pyright: ignore[reportPrivateUsage]  # the binding exposes ggml nowhere else

from crofter.core import CrofterError, EmbeddingTable, ErrorCode

from .library import NativeHandle

_SINGLE_PRECISION = 0
"""ggml.h: GGML_TYPE_F32, which needs no conversion."""


class _Traits(ctypes.Structure):
    """The first fields of `ggml_type_traits` (ggml.h)."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("block_size", ctypes.c_int64),
        ("interleaved_size", ctypes.c_int64),
        ("type_size", ctypes.c_size_t),
        ("is_quantized", ctypes.c_bool),
        ("to_float", ctypes.c_void_p),
    )


class EmbeddingRows:
    """The table stays in its file; the rows in use are in the operating system's cache."""

    def __init__(self, table: EmbeddingTable) -> None:
        """Raises MODEL_INVALID if the file does not hold the table, or this ggml cannot read its type."""
        self.width = table.width
        self._table = table
        self._convert = _conversion(table)
        end = table.offset + table.row_count * table.row_bytes
        with Path(table.path).open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if table.offset < 0 or end > len(self._map):
            raise CrofterError(ErrorCode.MODEL_INVALID, "the file ends before its token embeddings do")
        flat = np.frombuffer(self._map, np.uint8, table.row_count * table.row_bytes, table.offset)
        self._rows = flat.reshape(table.row_count, table.row_bytes)

    def of(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        """The rows of these tokens, [count, width], as the model's first layer gets them."""
        stored = np.ascontiguousarray(self._rows[np.asarray(tokens, np.int64)])
        if self._convert is None:
            values = stored.view("<f4")
        else:
            values = np.empty((len(tokens), self.width), np.float32)
            self._convert(stored.ctypes.data, values.ctypes.data, values.size)
        return values if self._table.scale == 1.0 else values * np.float32(self._table.scale)


def _conversion(table: EmbeddingTable) -> Callable[[int, int, int], None] | None:
    """ggml's function to float32, which `ggml_get_rows` uses as well; None: the type is that. Raises MODEL_INVALID."""
    if not 0 <= table.type_number < llama.GGML_TYPE_COUNT or table.width <= 0:
        raise CrofterError(ErrorCode.MODEL_INVALID, f"ggml has no type {table.type_number}")
    traits = _traits(table.type_number)
    block = int(traits.block_size)
    if block <= 0 or table.width % block or table.row_bytes != table.width // block * int(traits.type_size):
        raise CrofterError(
            ErrorCode.MODEL_INVALID, f"rows of {table.width} numbers do not have {table.row_bytes} bytes"
        )
    if table.type_number == _SINGLE_PRECISION:
        return None
    if not traits.to_float:
        raise CrofterError(ErrorCode.MODEL_INVALID, f"ggml does not read {traits.name!r} by rows")
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    return function(traits.to_float)


def _traits(type_number: int) -> _Traits:
    """Raises MODEL_LOAD_FAILED if the structure is not the one above, of which ggml's own functions are witnesses."""
    found: _Traits = _function("ggml_get_type_traits", ctypes.POINTER(_Traits))(type_number).contents
    said = (
        _function("ggml_type_name", ctypes.c_char_p)(type_number),
        _function("ggml_blck_size", ctypes.c_int64)(type_number),
        _function("ggml_type_size", ctypes.c_size_t)(type_number),
        _function("ggml_is_quantized", ctypes.c_bool)(type_number),
    )
    if (found.name, found.block_size, found.type_size, found.is_quantized) != said:
        raise CrofterError(
            ErrorCode.MODEL_LOAD_FAILED,
            "this ggml has other structures than expected; install the pinned llama-cpp-python again",
        )
    return found


def _function(name: str, result: NativeHandle) -> NativeHandle:
    function = libggml[name]  # A new object each time: the types set here are nobody else's.
    function.argtypes, function.restype = [ctypes.c_int], result
    return function
