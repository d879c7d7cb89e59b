"""Files that are whole or absent: written beside their place, flushed, then moved into it."""

import errno
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from crofter.core import CrofterError, ErrorCode

Progress = Callable[[int, int], None]
"""Called with (done bytes, total bytes); an exception it raises cancels the work."""

Observe = Callable[[bytes], object]
"""Is shown a block of bytes, for example to hash it."""

_LEFTOVER_SUFFIX = ".incoming"
_BLOCK_BYTES = 4 << 20
_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file


class CopiedFile:
    """A finished copy that has no name yet; `keep` gives it one, otherwise it is deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, target: Path) -> None:
        """Move the copy to `target`, which must be in the same folder and is replaced if it exists."""
        move_into_place(self._path, target)


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Make `path` hold `content`; a reader, or a restart after a crash, sees the old content or the new, never a part.

    Raises DISK_FULL, or OSError if the place cannot be written.
    """
    with _incoming(path.parent, len(content)) as temporary:
        with _created(temporary, mode) as file:
            file.write(content)
            _flush(file)
        move_into_place(temporary, path)


@contextmanager
def copied_file(source: Path, folder: Path, observe: Observe, progress: Progress) -> Generator[CopiedFile]:
    """A copy of `source` inside `folder`, sharing blocks with the source where the file system can.

    `observe` sees the copy's bytes once, in order. Unless the block calls `keep`, nothing of the copy remains. Raises DISK_FULL
    before copying if there is too little space, and also if the disk fills up during the copy; CONFLICT if the source changes
    meanwhile; OSError if it cannot be read.
    """
    with source.open("rb") as original:
        before = os.fstat(original.fileno())
        size_bytes = before.st_size
        with _incoming(folder, size_bytes) as temporary:
            with _created(temporary, 0o600) as file:
                if _share_blocks(original, file):
                    read_blocks(temporary, observe, progress)
                else:
                    _require_free_space(folder, size_bytes)
                    for block in _blocks(original, size_bytes, progress):
                        file.write(block)
                        observe(block)
                _flush(file)
            after = os.fstat(original.fileno())
            if (after.st_size, after.st_mtime_ns) != (temporary.stat().st_size, before.st_mtime_ns):
                message = f"{source} changed while it was copied: try again when it is complete."
                raise CrofterError(ErrorCode.CONFLICT, message)
            yield CopiedFile(temporary)


def read_blocks(path: Path, observe: Observe, progress: Progress) -> None:
    """Show a file's bytes to `observe`, in order. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        for block in _blocks(file, os.fstat(file.fileno()).st_size, progress):
            observe(block)


def move_into_place(temporary: Path, target: Path) -> None:
    """Give a flushed file its name, replacing what has it; after a crash it has the old name or the new one. Same file system only."""
    os.replace(temporary, target)
    if sys.platform != "win32":
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def incoming_path(folder: Path) -> Path:
    """A fresh name for what is to be written in `folder`, which is made; `remove_leftovers` deletes what still has it."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f".{secrets.token_hex(8)}{_LEFTOVER_SUFFIX}"


def remove_leftovers(folder: Path) -> int:
    """Delete what a killed process left half written in `folder`; returns how many files. Nothing may be writing there."""
    leftovers = [path for path in folder.glob(f".*{_LEFTOVER_SUFFIX}") if path.is_file()]
    for path in leftovers:
        path.unlink(missing_ok=True)
    return len(leftovers)


@contextmanager
def _incoming(folder: Path, size_bytes: int) -> Generator[Path]:
    """A fresh temporary path in `folder`; what is still there at the end is deleted, and a full disk gets its own error."""
    temporary = incoming_path(folder)
    try:
        yield temporary
    except OSError as error:
        if error.errno in _FULL_ERRNOS:
            temporary.unlink(missing_ok=True)
            raise _disk_full(folder, size_bytes) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _created(path: Path, mode: int) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode), "wb")


def _blocks(file: BinaryIO, total_bytes: int, progress: Progress) -> Generator[bytes]:
    done_bytes = 0
    while block := file.read(_BLOCK_BYTES):
        yield block
        done_bytes += len(block)
        progress(done_bytes, total_bytes)


def _share_blocks(original: BinaryIO, file: BinaryIO) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl  # there is none on Windows

    try:
        fcntl.ioctl(file.fileno(), _FICLONE, original.fileno())
    except OSError:
        return False  # another file system, or one that cannot share blocks: copying works everywhere
    return True


def _require_free_space(folder: Path, size_bytes: int) -> None:
    if shutil.disk_usage(folder).free < size_bytes:
        raise _disk_full(folder, size_bytes)


def _disk_full(folder: Path, size_bytes: int) -> CrofterError:
    free_bytes = shutil.disk_usage(folder).free
    return CrofterError(
        ErrorCode.DISK_FULL,
        f"Not enough space in {folder}: {size_bytes:,} bytes are needed and {free_bytes:,} are free."
        " Free some space (`crofter rm` removes models) and try again.",
    )


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
