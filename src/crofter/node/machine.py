"""What this computer is: the facts that doctor shows and that a tuning depends on."""

import hashlib
import os
import platform
import shutil
from pathlib import Path

import psutil

CPU_FACTS = Path("/proc/cpuinfo")


def processor_name() -> str:
    """The processor's model name, as the system tells it."""
    if CPU_FACTS.exists():
        for line in CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def core_counts() -> tuple[int, int]:
    """Physical cores, and logical processors this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return psutil.cpu_count(logical=False) or usable, usable


def memory_bytes() -> tuple[int, int]:
    """Memory in all, and what is free to use."""
    memory = psutil.virtual_memory()
    return memory.total, memory.available


def free_disk_bytes(folder: Path) -> int:
    """Room left where `folder` lies, or will lie."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(existing).free


def fingerprint(library_version: str) -> str:
    """Changes when figures measured on this machine stop being true."""
    physical, usable = core_counts()
    facts = "\n".join([processor_name(), str(physical), str(usable), library_version])
    return hashlib.sha256(facts.encode()).hexdigest()[:32]
