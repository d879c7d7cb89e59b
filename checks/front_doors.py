"""Other rooms import the room, not a file inside it; some rooms know fewer rooms than lie below them; no room is a bucket."""

import ast
from collections.abc import Iterator
from pathlib import Path

from checks.tree import Finding, SourceFile, python_files

BUCKET_NAMES = frozenset({"utils", "util", "common", "shared", "helpers", "misc"})

# The owner's contract lies in `api` because `api` serves it, and is read by the rooms on both sides without loading the server.
OPEN_FILES = frozenset({"crofter.api.administration"})

# Stricter than the layers. Here and not in import-linter because that refuses contracts about rooms that do not exist yet.
NARROW_ROOMS = {
    "integrations": frozenset({"node", "api", "router", "engine", "network", "models", "providers", "trust", "store"}),
    "client": frozenset({"router", "engine", "network", "models", "providers", "trust", "store"}),
    "api": frozenset({"engine", "network", "providers", "store", "trust"}),
    "router": frozenset({"network", "providers", "store"}),
    "engine": frozenset({"trust", "store"}),
}


def find_side_doors(root: Path) -> Iterator[Finding]:
    """Imports of `crofter.<room>.<file>` from another room."""
    for source in python_files(root):
        if source.room is None:
            continue
        for line, module in _crofter_imports(source):
            parts = module.split(".")
            if len(parts) > 2 and parts[1] != source.room and module not in OPEN_FILES:
                yield Finding(
                    source.path, line, f"import from `crofter.{parts[1]}`, its front door, not from `{module}`"
                )


def find_narrow_breaks(root: Path) -> Iterator[Finding]:
    """Imports of a room that lies below, and that this room must not know all the same."""
    for source in python_files(root):
        for line, module in _crofter_imports(source):
            room = module.split(".")[1]
            if source.room is not None and room in NARROW_ROOMS.get(source.room, ()):
                yield Finding(source.path, line, f"`{source.room}` never imports `{room}`; see the design's rooms")


def _crofter_imports(source: SourceFile) -> Iterator[tuple[int, str]]:
    """Line and dotted name of what is imported from Crofter; `from crofter import x` counts as `crofter.x`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names if name.name.startswith("crofter."))
        elif isinstance(node, ast.ImportFrom) and node.module == "crofter":
            yield from ((node.lineno, f"crofter.{name.name}") for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("crofter."):
            yield node.lineno, node.module


def find_buckets(root: Path) -> Iterator[Finding]:
    """Rooms and files named after nothing in particular."""
    for source in python_files(root):
        parts = Path(source.path).with_suffix("").parts
        if source.path.startswith("src/") and (bucket := BUCKET_NAMES.intersection(parts)):
            yield Finding(
                source.path, 1, f"`{min(bucket)}` says nothing about what is inside; name it after its subject"
            )
