"""What the machine has: cores and memory, and the llama.cpp library."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import psutil

from crofter.core import CrofterError, ErrorCode

from .values import LibraryFacts

_PROBE_SECONDS = 60.0
_PROBED_BYTES = 32 << 20
_PROBES = 4
_ACCELERATOR_LIBRARIES = ("cuda", "hip", "metal", "musa", "opencl", "sycl", "vulkan", "cann")
"""Parts of the names of the libraries that llama.cpp reaches accelerators with."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Cores and memory that models may use now."""

    physical_cores: int
    total_bytes: int
    available_bytes: int
    accelerator_free_bytes: tuple[int, ...] = ()


def machine_now() -> Machine:
    """Read the machine. Cores are those this process may run on."""
    memory = psutil.virtual_memory()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        physical_cores=max(1, min(psutil.cpu_count(logical=False) or allowed, allowed)),
        total_bytes=memory.total,
        available_bytes=memory.available,
    )


def resident_bytes(process_id: int) -> int:
    """Physical memory a process takes; 0 if it is gone."""
    try:
        return int(psutil.Process(process_id).memory_info().rss)
    except psutil.Error:
        return 0


def private_bytes(process_id: int) -> int:
    """Physical memory that only this process's end would free: without the pages of mapped files."""
    try:
        memory = psutil.Process(process_id).memory_info()
    except psutil.Error:
        return 0
    return int(memory.rss - getattr(memory, "shared", 0))


def on_battery() -> bool:
    """Whether the machine runs on its battery now; False where that cannot be told."""
    sensors: Callable[[], Any] = getattr(psutil, "sensors_battery", lambda: None)  # not on every system
    battery = sensors()
    return battery is not None and not battery.power_plugged


@cache
def memory_bytes_per_second() -> int:
    """How fast one core goes through memory, the best of a few tries: about how fast weights are read. Takes some 50 ms once."""
    source = bytearray(_PROBED_BYTES)
    seconds: list[float] = []
    for _ in range(_PROBES):
        began = time.perf_counter()
        bytes(source)
        seconds.append(time.perf_counter() - began)
    return int(_PROBED_BYTES / min(seconds))


def accelerator_free_bytes() -> tuple[int, ...]:
    """Free memory of each accelerator that the llama.cpp library can use.

    The library is asked only if it was built with one: that takes about a second. Blocks.
    """
    package = find_spec("llama_cpp")
    folders = package.submodule_search_locations if package is not None else None
    names = {path.name for folder in folders or () for path in Path(folder, "lib").glob("*ggml-*")}
    if not any(kind in name for name in names for kind in _ACCELERATOR_LIBRARIES):
        return ()
    try:
        return library_facts().accelerator_free_bytes
    except CrofterError:
        return ()  # `crofter doctor` and the first load say why.


def library_facts() -> LibraryFacts:
    """Ask the llama.cpp library about itself, in a process of its own: loading it would cost this one its memory.

    Blocks for about a second. Raises CrofterError(MODEL_LOAD_FAILED) if the library cannot be loaded.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "crofter.engine.worker.probe"],
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=True,
            text=True,
        )
        return msgspec.convert(json.loads(done.stdout), LibraryFacts)
    except (subprocess.SubprocessError, json.JSONDecodeError, msgspec.ValidationError) as error:
        detail = str(error.stderr).strip().splitlines() if isinstance(error, subprocess.CalledProcessError) else []
        reason = detail[-1] if detail else str(error)
        raise CrofterError(ErrorCode.MODEL_LOAD_FAILED, f"the llama.cpp library does not load: {reason}") from error
