"""The threads that fetch one file together: each has a connection, takes a piece, and gives back what it did not get."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from crofter.core import CrofterError
from crofter.store import Progress

from .connection import Connection, TrustedCertificates
from .faults import TransientError, damaged
from .journal import PartFile
from .patience import Patience
from .ranges import Range, Stretches, missing, total
from .reading import Reader, Reading, Server
from .source import Source

REPORT_SECONDS = 0.1
_END_SECONDS = 15.0
_INTERRUPT_SECONDS = 0.05

Wait = Callable[[threading.Event, float], object]
"""Waits for an event, at most so many seconds."""


class Pace(NamedTuple):
    """How the work is cut."""

    connections: int = 6
    smallest_bytes: int = 4 << 20
    largest_bytes: int = 64 << 20
    """Of one request."""
    keep_bytes: int = 8 << 20
    """So much of a request at most is fetched again after a kill."""


class Tools(NamedTuple):
    """What every crew works with."""

    trusted: TrustedCertificates
    pace: Pace = Pace()
    wait: Wait = threading.Event.wait


class BrokenError(Exception):
    """A transfer without ranges broke off: nothing of it can be used."""

    def __init__(self, failure: TransientError) -> None:
        super().__init__()
        self.failure = failure


class _StoppedError(Exception):
    """The crew is sent home."""


class _GaveUpError(Exception):
    """One connection has had enough."""

    def __init__(self, error: CrofterError) -> None:
        super().__init__(error.message)
        self.error = error


class Crew:
    """One attempt at what is missing of a part file."""

    def __init__(self, source: Source, part: PartFile, tools: Tools, server: Server) -> None:
        pace, ranges = tools.pace, server.ranges
        self._part = part
        self._wait = tools.wait
        self._ranges = ranges
        self._size = part.identity.size_bytes
        gaps = missing(part.done, self._size)
        count = max(1, min(pace.connections, -(-total(gaps) // pace.smallest_bytes))) if ranges else 1
        cut = (pace.smallest_bytes, pace.largest_bytes) if ranges else (self._size, self._size)
        self._stretches = Stretches(gaps, count, *cut)
        self._reader = Reader(source, part, pace.keep_bytes, self._count_received, server)
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._received = total(part.done)
        self._pieces_out = 0
        self._working = count
        self._failure: BaseException | None = None
        self._gave_up: CrofterError | None = None
        self._connections = [Connection(tools.trusted) for _ in range(count)]

    def run(self, progress: Progress) -> None:
        """Work until all is there or something is wrong for good. Raises that, or what `progress` raises."""
        threads = [
            threading.Thread(target=self._work, args=(connection,), name=f"download {number}", daemon=True)
            for number, connection in enumerate(self._connections, start=1)
        ]
        for thread in threads:
            thread.start()
        try:
            while self._working:
                with self._changed:
                    self._changed.wait(REPORT_SECONDS)
                    received = self._received
                progress(received, self._size)
        finally:
            self._send_home(threads)
        if self._failure is not None:
            raise self._failure
        if missing(self._part.done, self._size):
            raise self._gave_up or damaged("the download ended before it was complete; pull it again.")

    def _send_home(self, threads: list[threading.Thread]) -> None:
        """Wake and wait for everybody, with a limit: who looks up a name cannot be woken, and has nothing to write."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        deadline = time.monotonic() + _END_SECONDS
        while any(thread.is_alive() for thread in threads) and time.monotonic() < deadline:
            for thread, connection in zip(threads, self._connections, strict=True):
                if thread.is_alive():
                    # Again and again: a connection may have been between two sockets.
                    connection.interrupt()
                    thread.join(_INTERRUPT_SECONDS)

    def _work(self, connection: Connection) -> None:
        patience = Patience(self._pause)
        try:
            while (piece := self._take()) is not None:
                self._fetch(connection, piece, patience)
        except _StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits for all
            self._fail(error)
        finally:
            connection.close()
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if isinstance(error, _GaveUpError):
                # A server that refuses one connection of several is busy, not broken: the others carry on, while there are any.
                self._gave_up = error.error
                return
            if self._failure is None:
                self._failure = error
            self._stop.set()

    def _take(self) -> Range | None:
        """The next piece; waits while others may still give some back."""
        with self._changed:
            while not self._stop.is_set():
                piece = self._stretches.take()
                if piece is not None:
                    self._pieces_out += 1
                    return piece
                if not self._pieces_out:
                    return None
                self._changed.wait(REPORT_SECONDS)
        return None

    def _fetch(self, connection: Connection, piece: Range, patience: Patience) -> None:
        reading = Reading(*piece)
        failure: TransientError | None = None
        try:
            self._reader.read(connection, reading)
        except TransientError as error:
            failure = error
        finally:
            self._hand_in(reading)
        if failure is None or reading.position > reading.start:
            patience.restore()
        if failure is None:
            return
        if not self._ranges and not self._stop.is_set():
            raise BrokenError(failure)
        try:
            patience.spend(failure)
        except CrofterError as error:
            raise _GaveUpError(error) from failure

    def _hand_in(self, reading: Reading) -> None:
        """What was read is written down, the rest is for whoever comes next."""
        try:
            self._reader.keep(reading)
        finally:
            with self._changed:
                self._stretches.give_back((reading.position, reading.stop))
                self._pieces_out -= 1
                self._changed.notify_all()

    def _count_received(self, size_bytes: int) -> None:
        with self._changed:
            self._received += size_bytes
        if self._stop.is_set():
            raise _StoppedError

    def _pause(self, seconds: float) -> None:
        self._wait(self._stop, seconds)
        if self._stop.is_set():
            raise _StoppedError
