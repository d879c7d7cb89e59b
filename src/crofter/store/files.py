"""Files that are whole or absent: written beside their place, flushed, then moved into it."""

import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from crofter.core import CrofterError, ErrorCode

Progress = Callable[[int, int], None]
"""Called with (done bytes, total bytes); an exception it raises cancels the work."""

Observe = Callable[[bytes], object]
"""Is shown a block of bytes, for example to hash it."""

_LEFTOVER_SUFFIX = ".incoming"
_BLOCK_BYTES = 4 << 20
_TRIAL_BYTES = 65_536
_PUNCH_HOLE_KEEP_SIZE = 0x03  # linux/falloc.h: FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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
def new_file(path: Path, size_bytes: int) -> Generator[BinaryIO]:
    """A file to write that becomes `path` when the block ends, flushed, and leaves nothing if it raises.

    Raises DISK_FULL, before writing if `size_bytes` are not free, and OSError.
    """
    with _incoming(path.parent, size_bytes) as temporary:
        _require_free_space(path.parent, size_bytes)
        with _created(temporary, 0o600) as file:
            yield file
            _flush(file)
        move_into_place(temporary, path)


def read_range(path: Path, offset: int, size_bytes: int) -> Generator[bytes]:
    """The bytes of a part of a file, in blocks. Raises OSError, and MODEL_INVALID if the file ends before."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while size_bytes:
            block = file.read(min(size_bytes, _BLOCK_BYTES))
            if not block:
                raise CrofterError(ErrorCode.MODEL_INVALID, f"{path.name} ended too early.")
            yield block
            size_bytes -= len(block)


def read_blocks(path: Path, observe: Observe, progress: Progress) -> None:
    """Show a file's bytes to `observe`, in order. Raises OSError if it cannot be read."""
    total_bytes = path.stat().st_size
    done_bytes = 0
    for block in read_range(path, 0, total_bytes):
        observe(block)
        done_bytes += len(block)
        progress(done_bytes, total_bytes)


def move_into_place(temporary: Path, target: Path) -> None:
    """Give a flushed file, or a folder, its name, replacing the file that has it; after a crash it has the old name or the new one.

    Same file system only.
    """
    os.replace(temporary, target)
    flush_names(target.parent)


def flush_names(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def give_back(path: Path, offset: int, size_bytes: int) -> bool:
    """Give a part of a file back to the disk; it reads as zeros then. False where the system cannot (it can on Linux, mostly)."""
    if sys.platform != "linux":
        return False
    handle = os.open(path, os.O_WRONLY)
    try:
        return _system_library().fallocate(handle, _PUNCH_HOLE_KEEP_SIZE, offset, size_bytes) == 0
    finally:
        os.close(handle)


def can_give_back(folder: Path) -> bool:
    """Whether parts of files in `folder` can be given back to the disk."""
    trial = incoming_path(folder)
    try:
        trial.write_bytes(bytes(_TRIAL_BYTES))
        return give_back(trial, 0, _TRIAL_BYTES)
    finally:
        trial.unlink(missing_ok=True)


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


@cache
def _system_library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return library


def _created(path: Path, mode: int) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode), "wb")


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
