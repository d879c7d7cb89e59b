"""What Crofter never does: run text as code, unpickle, or name a registry host in a lock file."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from checks.tree import Finding, python_files

FORBIDDEN_MODULES = frozenset({"pickle", "marshal", "shelve", "dill", "cloudpickle"})
FORBIDDEN_CALLS = frozenset({"eval", "exec", "compile", "__import__"})
LOCK_NAMES = ("requirements/*.txt", "requirements/*.in", "uv.lock", "pylock*.toml", "**/package-lock.json")
NAMES_A_HOST = re.compile(r"https?://|file:/|git\+|--(?:extra-)?index-url|--find-links|--trusted-host")


def find_code_from_data(root: Path) -> Iterator[Finding]:
    """Imports and calls that turn bytes or text into running code."""
    for source in python_files(root):
        for node in ast.walk(source.tree):
            match node:
                case ast.Import(names=names):
                    modules = [name.name for name in names]
                case ast.ImportFrom(module=str(module)):
                    modules = [module]
                case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                    yield Finding(source.path, node.lineno, f"`{name}(` runs text as code; parse it or write it out")
                    continue
                case _:
                    continue
            for module in modules:
                if module.split(".")[0] in FORBIDDEN_MODULES:
                    yield Finding(source.path, node.lineno, f"`{module}` runs what the bytes say; use msgspec")


def find_hosts_in_locks(root: Path) -> Iterator[Finding]:
    """Addresses in lock files: a lock says what, and each machine's own settings say from where."""
    for path in sorted({path for name in LOCK_NAMES for path in root.glob(name)}):
        if {"node_modules", ".venv", ".tools"}.intersection(path.parts):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if NAMES_A_HOST.search(line):
                yield Finding(path.relative_to(root).as_posix(), number, "a lock file names a host; lock hashes only")


def find_unhashed_locks(root: Path) -> Iterator[Finding]:
    """Requirements that are not pinned with a hash."""
    for path in sorted(root.glob("requirements/*.txt")):
        entries = re.split(r"\n(?=\S)", path.read_text(encoding="utf-8"))
        for entry in filter(None, (entry.strip() for entry in entries)):
            if not entry.startswith("#") and ("==" not in entry or "--hash=sha256:" not in entry):
                yield Finding(path.relative_to(root).as_posix(), 1, f"`{entry.split()[0]}` is not pinned with a hash")
