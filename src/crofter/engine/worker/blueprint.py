"""Says which tensors a model of some metadata has: `python -m crofter.engine.worker.blueprint`, a path in, JSON out.

A process for each: llama.cpp ends it where metadata is not what an architecture's code expects.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false
# (the binding's ctypes functions are only partly typed)

import ctypes
import sys

import msgspec
from llama_cpp import llama_cpp as llama
from llama_cpp._ggml import libggml  # pyright: ignore[reportPrivateUsage]  # the binding exposes ggml nowhere else

from crofter.core import CrofterError, ErrorCode
from crofter.engine.proof import Blueprint

from .library import start_library
from .native_log import complaints


class _Tensor(ctypes.Structure):
    """The beginning of ggml.h's `struct ggml_tensor`."""

    _fields_ = (("type", ctypes.c_int), ("buffer", ctypes.c_void_p), ("ne", ctypes.c_int64 * 4))


class _GgufParameters(ctypes.Structure):
    """gguf.h's `struct gguf_init_params`."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))


def _blueprint(path: str) -> Blueprint:
    name, count_of, dimensions_of = libggml.ggml_get_name, libggml.ggml_nelements, libggml.ggml_n_dims
    name.argtypes, name.restype = [ctypes.c_void_p], ctypes.c_char_p
    count_of.argtypes, count_of.restype = [ctypes.c_void_p], ctypes.c_int64
    dimensions_of.argtypes = [ctypes.c_void_p]
    read = libggml.gguf_init_from_file
    read.argtypes, read.restype = [ctypes.c_char_p, _GgufParameters], ctypes.c_void_p
    shapes: dict[str, tuple[int, ...]] = {}  # llama.cpp asks for a tensor that several layers share once for each.

    def note(handle: int, _data: object) -> None:
        shape = _Tensor.from_address(handle).ne
        # Nothing for another structure than expected: an exception would be lost in llama.cpp.
        is_right = shape[0] * shape[1] * shape[2] * shape[3] == count_of(handle)
        shapes[name(handle).decode()] = tuple(shape[: dimensions_of(handle)]) if is_right else ()

    metadata = read(path.encode(), _GgufParameters(no_alloc=True, context=None))
    with complaints() as heard:
        callback = llama.llama_model_set_tensor_data_t(note)
        model = llama.llama_model_init_from_user(metadata, callback, None, llama.llama_model_default_params())
    if not model or not all(shapes.values()):
        raise CrofterError(ErrorCode.MODEL_LOAD_FAILED, heard.reason or "llama.cpp has other structures than expected")
    return Blueprint(tensors=tuple(shapes.items()))


def main() -> None:
    """Describe the file that standard input names."""
    start_library()
    try:
        sys.stdout.buffer.write(msgspec.json.encode(_blueprint(sys.stdin.read())))
    except CrofterError as error:
        sys.stdout.buffer.write(msgspec.json.encode(Blueprint(error=error.report())))


if __name__ == "__main__":
    main()
