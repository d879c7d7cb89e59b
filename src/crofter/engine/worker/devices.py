"""Accelerators that this llama.cpp build can use, through ggml's device list (`ggml/include/ggml-backend.h`)."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (the binding's library object is untyped)

import ctypes
from typing import NamedTuple

from llama_cpp._ggml import libggml  # pyright: ignore[reportPrivateUsage]  # the binding exposes the device list nowhere else

_PROCESSOR_TYPE = 0


class Device(NamedTuple):
    """One accelerator and its memory in bytes."""

    name: str
    description: str
    free_bytes: int
    total_bytes: int


def devices() -> list[Device]:
    """All accelerators, in ggml's order; empty where only the processor computes."""
    libggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    libggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    libggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    for function, result in (
        (libggml.ggml_backend_dev_type, ctypes.c_int),
        (libggml.ggml_backend_dev_name, ctypes.c_char_p),
        (libggml.ggml_backend_dev_description, ctypes.c_char_p),
    ):
        function.restype = result
        function.argtypes = [ctypes.c_void_p]
    libggml.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    found: list[Device] = []
    for index in range(libggml.ggml_backend_dev_count()):
        handle = libggml.ggml_backend_dev_get(index)
        if libggml.ggml_backend_dev_type(handle) == _PROCESSOR_TYPE:
            continue
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        libggml.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
        name = libggml.ggml_backend_dev_name(handle).decode()
        found.append(Device(name, libggml.ggml_backend_dev_description(handle).decode(), free.value, total.value))
    return found
