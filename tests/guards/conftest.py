"""A small copy of the checkout in which a test may plant a violation."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

ROOMS = (
    "cli",
    "integrations",
    "client",
    "node",
    "api",
    "router",
    "cluster",
    "engine",
    "network",
    "models",
    "providers",
    "trust",
    "store",
    "core",
)

Plant = Callable[[str, str], None]


@pytest.fixture
def checkout() -> Path:
    """The real checkout, to read only."""
    return ROOT


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """A checkout with the real rules and requirements, and rooms that hold nothing."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    for room in ROOMS:
        folder = tmp_path / "src" / "crofter" / room
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    (tmp_path / "src" / "crofter" / "__init__.py").touch()
    return tmp_path


@pytest.fixture
def plant(copied_tree: Path) -> Plant:
    """Write a file into the copy."""

    def write(path: str, text: str) -> None:
        target = copied_tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    return write
