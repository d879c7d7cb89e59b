"""A few lines of C made into a library, where a compiler is at hand."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_COMPILE_SECONDS = 30.0
_WRITABLE_BY_OTHERS = 0o022


def compiled(source: str, folder: Path) -> Path | None:
    """The library made of `source`, kept in `folder` by the hash of source and compiler; None where there is no compiler, or it fails."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    facts = os.stat(os.path.realpath(compiler))
    made_of = f"{source}\0{os.path.realpath(compiler)}\0{facts.st_size}\0{facts.st_mtime_ns}"
    path = folder / f"{hashlib.sha256(made_of.encode()).hexdigest()[:32]}.so"
    try:
        if not path.exists():
            _compile(compiler, source, path)
        # What lies there becomes part of this process.
        facts = path.stat()
        if facts.st_uid != os.getuid() or facts.st_mode & _WRITABLE_BY_OTHERS:
            return None
    except (OSError, subprocess.SubprocessError):
        return None
    return path


def _compile(compiler: str, source: str, path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / "made.so"
        command = [compiler, "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", str(made)]
        subprocess.run(command, input=source.encode(), check=True, capture_output=True, timeout=_COMPILE_SECONDS)
        made.chmod(0o600)
        made.replace(path)
