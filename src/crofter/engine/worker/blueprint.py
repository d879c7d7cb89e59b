"""Says which tensors a model of some metadata has: `python -m crofter.engine.worker.blueprint`, a path in, JSON out.

A process for each: llama.cpp ends it where metadata is not what an architecture's code expects.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false
# (the binding's ctypes functions are only partly typed)

import ctypes
import sys
from pathlib import Path

import msgspec
from llama_cpp import llama_cpp as llama
from llama_cpp._ctypes_extensions import load_shared_library

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


def _base_library() -> ctypes.CDLL:
    base = load_shared_library("ggml-base", Path(llama.__file__).parent / "lib")
    base.gguf_init_from_file.restype = ctypes.c_void_p
    base.gguf_init_from_file.argtypes = [ctypes.c_char_p, _GgufParameters]
    base.ggml_get_name.restype = ctypes.c_char_p
    base.ggml_get_name.argtypes = [ctypes.c_void_p]
    base.ggml_nelements.restype = ctypes.c_int64
    base.ggml_nelements.argtypes = [ctypes.c_void_p]
    base.ggml_n_dims.argtypes = [ctypes.c_void_p]
    return base


def _blueprint(path: str) -> Blueprint:
    base = _base_library()
    shapes: dict[str, tuple[int, ...]] = {}  # llama.cpp asks for a tensor that several layers share once for each.

    def note(handle: int, _data: object) -> None:
        shape = _Tensor.from_address(handle).ne
        count = base.ggml_nelements(handle)
        if shape[0] * shape[1] * shape[2] * shape[3] != count:
            count = 0  # Another structure than expected; an exception would be lost in llama.cpp.
        dimensions = base.ggml_n_dims(handle)
        shapes[base.ggml_get_name(handle).decode()] = tuple(shape[:dimensions]) if count else ()

    metadata = base.gguf_init_from_file(path.encode(), _GgufParameters(no_alloc=True, context=None))
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
