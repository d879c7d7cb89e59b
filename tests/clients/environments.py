"""Programs of others in environments of their own: they are heavy, and what Crofter is checked with may not change with them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import start

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 110


def environment_with(folder: Path, *packages: str) -> Path:
    """A new environment with these packages of the package index; where its programs are. Skips the test without uv."""
    uv = next((path for path in (start.TOOLS / "bin" / "uv", *_on_path("uv")) if path.exists()), None)
    if uv is None:
        pytest.skip("uv, which makes environments, is not installed")
    # The environment of the tests has no pip to tell where packages come from; the Python that it was made of may.
    listing = start.output_of([sys._base_executable, "-m", "pip", "config", "list"])  # pyright: ignore[reportAttributeAccessIssue]
    settings = {"UV_INDEX_STRATEGY": "unsafe-best-match", **start.pip_settings(listing), **os.environ}
    python = folder / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, folder],
        [uv, "pip", "install", "--quiet", "--python", python, *packages],
    ):
        done = subprocess.run(
            list(map(str, command)), env=settings, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder / "bin"


def _on_path(name: str) -> list[Path]:
    return [Path(folder, name) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
