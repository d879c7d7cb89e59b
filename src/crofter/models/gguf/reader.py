"""Reads an untrusted file piece by piece; every length is checked before anything is allocated."""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from crofter.core import CrofterError, ErrorCode

MAXIMUM_HEADER_BYTES = 256 << 20
MAXIMUM_ITEMS = 2_000_000
"""Keys, tensors and array strings together: what bounds the time a hostile header can take. Real ones have under a million."""

_LENGTH = struct.Struct("<Q")

_WINDOW_BYTES = 1 << 20


class BoundedReader:
    """A cursor over a file that never reads, allocates or counts beyond what the file and the limits allow.

    A plain buffered file, not a memory map: a file that is cut short while mapped would kill the process.
    Every failure is a CrofterError MODEL_INVALID that names the file.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._name = path.name
        self.size_bytes = os.fstat(file.fileno()).st_size
        self._window = b""
        self._window_start = 0
        self._position = 0
        self._items_left = MAXIMUM_ITEMS

    @property
    def position(self) -> int:
        """Offset in the file of the next byte."""
        return self._position

    def invalid(self, reason: str) -> CrofterError:
        """The error for what is wrong with this file."""
        return CrofterError(ErrorCode.MODEL_INVALID, f"{self._name} is not a usable GGUF model: {reason}.")

    def count_items(self, count: int, what: str) -> None:
        """Account for `count` things that will be walked one by one; each takes at least eight bytes."""
        self._items_left -= count
        if count > (self.size_bytes - self._position) // 8:
            raise self.invalid(f"it claims {count:,} {what}, which do not fit in the file")
        if self._items_left < 0:
            raise self.invalid(f"its header has more than {MAXIMUM_ITEMS:,} entries")

    def skip(self, length: int) -> None:
        """Move on by `length` bytes, all of which must exist."""
        end = self._position + length
        if end > self.size_bytes:
            raise self.invalid(f"it ends too early: {length:,} bytes are expected at offset {self._position:,}")
        if end > MAXIMUM_HEADER_BYTES:
            raise self.invalid(f"its header is larger than {MAXIMUM_HEADER_BYTES:,} bytes")
        self._position = end

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        start = self._position
        self.skip(length)
        if start < self._window_start or self._position > self._window_start + len(self._window):
            self._file.seek(start)
            self._window = self._file.read(max(length, _WINDOW_BYTES))
            self._window_start = start
            if len(self._window) < length:
                raise self.invalid("it became shorter while it was read")
        offset = start - self._window_start
        return self._window[offset : offset + length]

    def number(self, form: str) -> int:
        """The next whole number, in a `struct` format."""
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def string(self, limit_bytes: int) -> bytes:
        """The next length-prefixed string."""
        (length,) = _LENGTH.unpack(self.take(_LENGTH.size))
        if length > limit_bytes:
            raise self.invalid(f"a string of {length:,} bytes is longer than the {limit_bytes:,} allowed")
        return self.take(length)

    def skip_strings(self, count: int) -> None:
        """Move on by `count` length-prefixed strings."""
        self.count_items(count, "strings")
        for _ in range(count):
            (length,) = _LENGTH.unpack(self.take(_LENGTH.size))
            self.skip(length)
