"""Changing a file that belongs to another program: seen before, backed up, undone as it was."""

import difflib
import os
from pathlib import Path

from crofter.core import CrofterError, ErrorCode
from crofter.store import write_atomically

_BACKUP_SUFFIX = ".before-crofter"
_ABSENT_SUFFIX = ".absent-before-crofter"
_MOST_BYTES = 4 * 1024 * 1024


def read(path: Path) -> str:
    """The file's text, empty if there is none. Raises CONFIG_INVALID for what cannot be read."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise CrofterError(ErrorCode.CONFIG_INVALID, f"{path} is too large to be a configuration")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise CrofterError(ErrorCode.CONFIG_INVALID, f"{path} cannot be read: {error}") from error


def difference(old: str, new: str, path: Path) -> str:
    """What would change, as `diff -u` shows it; empty if nothing."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), str(path), f"{path} (with Crofter)", lineterm="")
    return "\n".join(lines)


def change(path: Path, new: str) -> Path | None:
    """Write the new text. What was there before the first change is kept beside it, and that place returned; None if there was no file."""
    path = Path(os.path.realpath(path))
    backup, absent = _marks(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    if is_new and not backup.exists():
        write_atomically(absent, b"")
    elif not is_new and not backup.exists() and not absent.exists():
        write_atomically(backup, path.read_bytes(), mode=path.stat().st_mode & 0o777)
    mode = 0o600 if is_new else path.stat().st_mode & 0o777
    write_atomically(path, new.encode(), mode=mode)
    return backup if backup.exists() else None


def before(path: Path) -> str | None:
    """What the file held before the first change; empty if there was none. Raises NOT_FOUND if it was never changed."""
    backup, absent = _marks(Path(os.path.realpath(path)))
    if backup.exists():
        return read(backup)
    if absent.exists():
        return ""
    raise CrofterError(ErrorCode.NOT_FOUND, f"{path} was not changed by `crofter connect`, or that was undone")


def undo(path: Path) -> None:
    """Make the file what it was before the first change. Raises NOT_FOUND if it was never changed."""
    path = Path(os.path.realpath(path))
    before(path)
    backup, absent = _marks(path)
    if backup.exists():
        backup.replace(path)
    else:
        path.unlink(missing_ok=True)
    absent.unlink(missing_ok=True)


def _marks(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + _BACKUP_SUFFIX), path.with_name(path.name + _ABSENT_SUFFIX)
