"""Files of more than 600 lines and functions of more than 60 need a reason in pyproject.toml."""

import ast
from collections.abc import Iterator
from pathlib import Path

from checks.tree import Finding, python_files, size_exceptions

FILE_LINES = 600
FUNCTION_LINES = 60


def find_oversized(root: Path) -> Iterator[Finding]:
    """What is too long and not excused, and excuses that nothing needs any more."""
    excused = size_exceptions(root)
    needed: set[str] = set()
    for key, line, lines, limit in _oversized(root):
        needed.add(key)
        if not excused.get(key, "").strip():
            yield Finding(
                key, line, f"{lines} lines, and the limit is {limit}: split it, or say why not in size_exceptions"
            )
    for key in sorted(excused.keys() - needed):
        yield Finding(
            "pyproject.toml", 1, f"size_exceptions names `{key}`, which is small enough now: remove the entry"
        )


def _oversized(root: Path) -> Iterator[tuple[str, int, int, int]]:
    for source in python_files(root):
        lines = len(source.text.splitlines())
        if lines > FILE_LINES:
            yield source.path, 1, lines, FILE_LINES
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    yield f"{source.path}:{node.name}", node.lineno, length, FUNCTION_LINES
