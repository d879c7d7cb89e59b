"""The files a guard looks at, and what it reports."""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

CODE_FOLDERS = ("src", "bootstrap", "checks", "bench", "tests", "seedling")


@dataclass(frozen=True)
class Finding:
    """One violation. The text says what is wrong and what to do."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class SourceFile:
    """A Python file of the checkout; `path` is relative to its root, with slashes."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.text, self.path)

    @property
    def room(self) -> str | None:
        """The room of Crofter the file belongs to, if any."""
        parts = Path(self.path).parts
        return parts[2] if parts[:2] == ("src", "crofter") and len(parts) > 3 else None


@lru_cache(maxsize=2000)
def _parsed(text: str, path: str) -> ast.Module:
    return ast.parse(text, path)


def python_files(root: Path) -> Iterator[SourceFile]:
    """Every Python file that is ours, in a stable order."""
    paths = [*root.glob("*.py"), *(path for folder in CODE_FOLDERS for path in (root / folder).rglob("*.py"))]
    for path in sorted(paths):
        if "node_modules" not in path.parts:
            yield SourceFile(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))


def size_exceptions(root: Path) -> Mapping[str, str]:
    """`[tool.crofter.guards] size_exceptions` of pyproject.toml: what may be large, and why."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return cast("dict[str, str]", settings["tool"]["crofter"]["guards"]["size_exceptions"])
