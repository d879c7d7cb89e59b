"""Programs of others in environments of their own: they are heavy, and what Crofter is checked with may not change with them."""

import subprocess
import sys
from pathlib import Path

from bootstrap.uv import find_uv, uv_environment

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 110


def environment_with(folder: Path, *packages: str) -> Path:
    """A new environment with these packages of the package index; where its programs are."""
    uv, settings, python = find_uv(), uv_environment(), folder / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, folder],
        [uv, "pip", "install", "--quiet", "--python", python, *packages],
    ):
        done = subprocess.run(
            list(map(str, command)), env=settings, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder / "bin"
