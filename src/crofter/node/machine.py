"""What this computer is: the facts that doctor shows and that a tuning depends on."""

import hashlib
import platform
import shutil
from pathlib import Path

from crofter.engine import machine_now

CPU_FACTS = Path("/proc/cpuinfo")


def processor_name() -> str:
    """The processor's model name, as the system tells it."""
    if CPU_FACTS.exists():
        for line in CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def free_disk_bytes(folder: Path) -> int:
    """Room left where `folder` lies, or will lie."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(existing).free


def fingerprint(library_version: str) -> str:
    """Changes when figures measured on this machine stop being true."""
    facts = "\n".join([processor_name(), str(machine_now().physical_cores), library_version])
    return hashlib.sha256(facts.encode()).hexdigest()[:32]
