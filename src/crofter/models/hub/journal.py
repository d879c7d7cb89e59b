"""A file that is being downloaded, and the journal beside it that remembers which of its bytes are on disk.

A range is written down only after its bytes are flushed, and every line carries a checksum: whatever kills the process or the
machine, the journal never claims bytes that are not there.
"""

import contextlib
import errno
import os
import threading
import zlib
from collections.abc import Collection
from pathlib import Path

import msgspec

from crofter.core import CrofterError, ErrorCode

from .ranges import Range, merged

PART_SUFFIX = ".part"
JOURNAL_SUFFIX = ".journal"

KEPT_SECONDS = 30 * 86_400.0

_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What is being downloaded; another identity starts anew."""

    content: str
    size_bytes: int
    repository: str
    file: str
    tag: str = ""
    """The server's ETag for these bytes, once known; sent back so that a server with other bytes says so."""


class PartFile:
    """`<key>.part` with `<key>.journal`, in a folder on the file system where the model will lie. Safe for several threads."""

    def __init__(self, folder: Path, key: str, identity: Identity) -> None:
        """Open or begin; keeps what a former attempt left if it was of the same content. Raises DISK_FULL or OSError."""
        self.path = folder / f"{key}{PART_SUFFIX}"
        self.identity = identity
        self._journal_path = folder / f"{key}{JOURNAL_SUFFIX}"
        self._lock = threading.Lock()
        self._done: list[Range] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            self._journal = os.open(self._journal_path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        except OSError:
            os.close(self._file)
            raise
        try:
            self._resume_or_begin()
        except BaseException:
            self.close()
            raise

    @property
    def done(self) -> list[Range]:
        """The ranges that are safely on disk."""
        with self._lock:
            return list(self._done)

    def write(self, data: bytes, offset: int) -> None:
        """Put bytes where they belong; they count once `keep` is called. Raises DISK_FULL or OSError."""
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._file, view, offset)
                view, offset = view[written:], offset + written
        except OSError as error:
            raise _explained(error, self.path.parent, self.identity.size_bytes) from error

    def keep(self, piece: Range) -> None:
        """Flush and write down that these bytes are there."""
        if piece[0] >= piece[1]:
            return
        try:
            _flush(self._file)
            with self._lock:
                self._append(_line(f"{piece[0]} {piece[1]}"))
                self._done = merged([*self._done, piece])
        except OSError as error:
            raise _explained(error, self.path.parent, self.identity.size_bytes) from error

    def tagged(self, tag: str) -> None:
        """Remember the server's ETag for these bytes."""
        with self._lock:
            self.identity = msgspec.structs.replace(self.identity, tag=tag)
            self._append(_line(f"tag {tag}"))

    def start_anew(self) -> None:
        """Forget every byte: the server has other ones now."""
        with self._lock:
            self.identity = msgspec.structs.replace(self.identity, tag="")
            self._begin()

    def close(self) -> None:
        """Keep both files for another attempt."""
        for descriptor in (self._file, self._journal):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def delete(self) -> None:
        """Remove both files."""
        self.close()
        delete_part(self.path.parent, self.path.name.removesuffix(PART_SUFFIX))

    def _resume_or_begin(self) -> None:
        text = os.pread(self._journal, os.fstat(self._journal).st_size, 0)
        identity, self._done, sound_bytes = _read(text)
        same = identity is not None and msgspec.structs.replace(identity, tag="") == self.identity
        if identity is None or not same or os.fstat(self._file).st_size != self.identity.size_bytes:
            self._begin()
            return
        self.identity = identity
        os.ftruncate(self._journal, sound_bytes)
        os.lseek(self._journal, 0, os.SEEK_END)

    def _begin(self) -> None:
        self._done = []
        os.ftruncate(self._journal, 0)
        os.lseek(self._journal, 0, os.SEEK_SET)
        try:
            _allocate(self._file, self.identity.size_bytes)
        except OSError as error:
            raise _explained(error, self.path.parent, self.identity.size_bytes) from error
        self._append(_line(msgspec.json.encode(self.identity).decode()))

    def _append(self, line: bytes) -> None:
        os.write(self._journal, line)
        _flush(self._journal)


def delete_part(folder: Path, key: str) -> None:
    """Remove a part file and its journal, if they are there."""
    (folder / f"{key}{JOURNAL_SUFFIX}").unlink(missing_ok=True)
    (folder / f"{key}{PART_SUFFIX}").unlink(missing_ok=True)


def unfinished_bytes(folder: Path, key: str) -> int:
    """How much disk an unfinished download of that key takes already."""
    try:
        status = (folder / f"{key}{PART_SUFFIX}").stat()
    except OSError:
        return 0
    return int(getattr(status, "st_blocks", 0)) * 512 or status.st_size


def forget_old(folder: Path, now: float) -> None:
    """Delete what nobody has gone on with for a month. Nothing may be downloading there that has not begun to."""
    for path in folder.glob("*"):
        if path.is_file() and now - path.stat().st_mtime > KEPT_SECONDS:
            path.unlink(missing_ok=True)


def forget_other_contents(folder: Path, identity: Identity, keep: Collection[str]) -> None:
    """Delete what is unfinished of the same file of the same repository with other content, but for the keys in `keep`."""
    for journal in folder.glob(f"*{JOURNAL_SUFFIX}"):
        other, _, _ = _read(journal.read_bytes())
        if other is None or journal.stem in keep:
            continue
        if (other.repository, other.file) == (identity.repository, identity.file):
            delete_part(folder, journal.stem)


def _read(text: bytes) -> tuple[Identity | None, list[Range], int]:
    """Identity, ranges, and how many bytes of the journal are sound; a torn line ends it."""
    identity: Identity | None = None
    done: list[Range] = []
    sound_bytes = 0
    for line in text.splitlines(keepends=True):
        content, _, check = line.rstrip(b"\n").rpartition(b" ")
        if not line.endswith(b"\n") or check != b"%08x" % zlib.crc32(content):
            break
        sound_bytes += len(line)
        if identity is None:
            try:
                identity = msgspec.json.decode(content, type=Identity)
            except msgspec.DecodeError:
                break
        elif content.startswith(b"tag "):
            identity = msgspec.structs.replace(identity, tag=content[4:].decode())
        else:
            start, _, stop = content.partition(b" ")
            done.append((int(start), int(stop)))
    return identity, merged(done), sound_bytes


def _line(content: str) -> bytes:
    data = content.encode()
    return b"%s %08x\n" % (data, zlib.crc32(data))


def _allocate(descriptor: int, size_bytes: int) -> None:
    """Reserve the blocks, so that a full disk shows now and not after an hour."""
    os.ftruncate(descriptor, 0)
    os.ftruncate(descriptor, size_bytes)
    if not hasattr(os, "posix_fallocate") or not size_bytes:
        return
    try:
        os.posix_fallocate(descriptor, 0, size_bytes)
    except OSError as error:
        if error.errno in _FULL_ERRNOS:
            raise
        # This file system cannot reserve; the blocks come as they are written.


def _flush(descriptor: int) -> None:
    getattr(os, "fdatasync", os.fsync)(descriptor)


def _explained(error: OSError, folder: Path, size_bytes: int) -> Exception:
    if error.errno not in _FULL_ERRNOS:
        return error
    return CrofterError(
        ErrorCode.DISK_FULL,
        f"The disk at {folder} is full: the download needs {size_bytes:,} bytes. Free some space (`crofter rm` removes models)"
        " and pull again; what is there already is kept.",
    )
