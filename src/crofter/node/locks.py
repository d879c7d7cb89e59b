"""Locks of the operating system on files: free again when their holder ends, however it ends."""

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from crofter.core import CrofterError, ErrorCode

LOCK_WAIT_SECONDS = 0.5
"""A client that asks whether a lock is free holds it for microseconds; wait that out instead of reporting a second node."""


@contextmanager
def held(path: Path, occupied: Callable[[], str]) -> Generator[int]:
    """Hold the lock at `path`, made if absent, while the block runs; gives the open file.

    Raises CONFLICT with what `occupied` says when another process holds it for longer than a moment.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not take(descriptor, fcntl.LOCK_EX, LOCK_WAIT_SECONDS):
            raise CrofterError(ErrorCode.CONFLICT, occupied())
        yield descriptor
    finally:
        os.close(descriptor)


def take(descriptor: int, kind: int, wait_seconds: float) -> bool:
    """Take a lock of this kind (fcntl.LOCK_EX, LOCK_SH) on an open file; False if that took too long."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        else:
            return True
