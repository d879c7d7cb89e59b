"""The tap: takes the result of a slice's last layer out of llama.cpp while it computes, and ends the computation there.

llama.cpp asks a callback (`ggml_backend_sched_eval_callback`) about each tensor of a step, some forty a layer: so the callback is C
where a compiler is at hand, which costs nothing that can be measured, and Python otherwise (docs/decisions/0026).
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (the binding's library object and callback types are only partly typed)

import ctypes
from pathlib import Path

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as llama
from llama_cpp._ggml import libggml  # pyright: ignore[reportPrivateUsage]  # the binding exposes ggml nowhere else

from crofter.core import CrofterError, ErrorCode

from .compiled import compiled
from .library import NativeHandle

_SOURCE = """
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
struct tap {
    const char *(*name)(const void *);
    size_t (*size)(const void *);
    void (*read)(const void *, void *, size_t, size_t);
    const char *wanted;
    char *values;
    size_t capacity, used;
};
bool tap(void *tensor, bool ask, void *data) {
    struct tap *t = data;
    if (ask) return strcmp(t->name(tensor), t->wanted) == 0;
    size_t size = t->size(tensor);
    if (size && size <= t->capacity && t->used <= t->capacity - size) t->read(tensor, t->values + t->used, 0, size);
    t->used += size;
    return false;
}
"""
_NUMBER_BYTES = 4


class _State(ctypes.Structure):
    """`struct tap` above."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("size", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("wanted", ctypes.c_char_p),
        ("values", ctypes.c_void_p),
        ("capacity", ctypes.c_size_t),
        ("used", ctypes.c_size_t),
    )


class Tap:
    """Belongs to one context, which is to be made with `callback` and `data`."""

    def __init__(self, tensor: str, width: int, most_rows: int, build_folder: str) -> None:
        """`tensor`: as llama.cpp names it, rows of `width` numbers. `build_folder`: see `SlicePlan`."""
        self._values = np.empty((most_rows, width), np.float32)
        name, size, read = _functions()
        self._state = _State(
            ctypes.cast(name, ctypes.c_void_p),
            ctypes.cast(size, ctypes.c_void_p),
            ctypes.cast(read, ctypes.c_void_p),
            tensor.encode(),
            self._values.ctypes.data,
            self._values.nbytes,
            0,
        )
        path = compiled(_SOURCE, Path(build_folder)) if build_folder else None
        self.native = path is not None
        """Whether the callback is C."""
        self.callback: NativeHandle = (
            self._in_python(tensor.encode())
            if path is None
            else ctypes.cast(ctypes.CDLL(str(path)).tap, llama.ggml_backend_sched_eval_callback)
        )
        self.data = ctypes.addressof(self._state)

    def start(self) -> None:
        """Before each decode: what was taken before is forgotten."""
        self._state.used = 0

    def rows(self, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """Of what the last decode gave the wanted rows, [wanted, width], valid until the next. Raises WORKER_FAILED."""
        row_bytes = self._values.shape[1] * _NUMBER_BYTES
        given, rest = divmod(self._state.used, row_bytes)
        count = int(np.count_nonzero(wanted))
        if rest or given not in {count, wanted.size}:
            raise CrofterError(
                ErrorCode.WORKER_FAILED,
                f"the slice gave {given} rows instead of {count}: its file or this llama.cpp is not what it should be",
            )
        # Some architectures compute their last layer to its end for all rows, and take the wanted ones after it.
        return self._values[:count] if given == count else self._values[:given][wanted]

    def _in_python(self, wanted: bytes) -> NativeHandle:
        name, size, read = _functions()
        state, values, capacity = self._state, self._values.ctypes.data, self._values.nbytes

        def tap(tensor: int, ask: bool, _data: object) -> bool:
            if ask:
                return bool(name(tensor) == wanted)
            size_bytes = size(tensor)
            if 0 < size_bytes <= capacity - state.used:
                read(tensor, values + state.used, 0, size_bytes)
            state.used += size_bytes
            return False

        return llama.ggml_backend_sched_eval_callback(tap)


def _functions() -> tuple[NativeHandle, NativeHandle, NativeHandle]:
    """ggml's name, size in bytes and reader of a tensor (`ggml.h`, `ggml-backend.h`)."""
    name, size, read = libggml.ggml_get_name, libggml.ggml_nbytes, libggml.ggml_backend_tensor_get
    name.argtypes, name.restype = [ctypes.c_void_p], ctypes.c_char_p
    size.argtypes, size.restype = [ctypes.c_void_p], ctypes.c_size_t
    read.argtypes, read.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t], None
    return name, size, read
