"""The two ends of a bulk stream: one writes no more than the window lets through, the other says what it has taken.

On the wire the receiver's side of the stream, which is silent in other requests, carries acknowledgements: eight bytes each (big-endian),
how many bytes of the other side it has taken since the beginning.
"""

import struct
from collections.abc import Callable
from math import inf

import anyio

from crofter.core import CrofterError, ErrorCode
from crofter.network.plan import frame_seconds
from crofter.network.transport import Path, Stream, StreamClosedError

from .plan import Window, held_back, is_due, looked, rerouted, sent, taken

_TAKEN = struct.Struct("!Q")
_READ_BYTES = 4096


class BulkWriter:
    """Writes frames. `path` says which way the line takes now, and how long a round trip is."""

    def __init__(self, stream: Stream, path: Callable[[], Path | None]) -> None:
        self._stream = stream
        self._path = path
        self._address: str = ""
        self._window = Window()
        self._room = anyio.Event()

    async def send(self, frames: bytes) -> None:
        """Write them as the receiver takes them. Raises PEER_TOO_SLOW if it does not, and what writing raises."""
        allowed = frame_seconds(len(frames))
        try:
            with anyio.fail_after(allowed):
                rest = memoryview(frames)
                while rest:
                    piece = rest[: await self._may_send(len(rest))]
                    self._window = sent(self._window, len(piece), anyio.current_time())
                    await self._stream.write(piece)
                    rest = rest[len(piece) :]
        except TimeoutError:
            message = f"the peer did not take a message within {allowed:.0f} s"
            raise CrofterError(ErrorCode.PEER_TOO_SLOW, message) from None

    async def listen(self) -> None:
        """Take acknowledgements until the receiver ends its side. Raises PEER_FAILED for what is none, and what reading raises."""
        buffer = bytearray()
        while data := await self._stream.read(_READ_BYTES):
            buffer += data
            whole = len(buffer) // _TAKEN.size * _TAKEN.size
            for (taken_bytes,) in _TAKEN.iter_unpack(bytes(buffer[:whole])):
                self._window = taken(self._window, taken_bytes, anyio.current_time())
            del buffer[:whole]
            self._look()
            self._room.set()

    async def _may_send(self, wanted_bytes: int) -> int:
        while not (size_bytes := self._window.may_send(wanted_bytes)):
            self._window = held_back(self._window)
            self._room = anyio.Event()
            await self._room.wait()
        return size_bytes

    def _look(self) -> None:
        now = anyio.current_time()
        if not self._window.wants_look(now) or (path := self._path()) is None:
            return
        if path.remote_address == self._address:
            self._window = looked(self._window, path.round_trip_ms / 1e3, now)
        else:
            self._address = path.remote_address
            self._window = rerouted(self._window)


class BulkReader:
    """Reads what a BulkWriter writes. A cancelled read may lose bytes: the stream is of no more use then."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._taken_bytes = 0
        self._told_bytes = 0
        self._told_at = -inf
        self._listens = True

    async def read(self, limit_bytes: int) -> bytes:
        """See `Stream`."""
        data = await self._stream.read(limit_bytes)
        self._taken_bytes += len(data)
        now = anyio.current_time()
        if self._listens and is_due(self._taken_bytes - self._told_bytes, now - self._told_at):
            self._told_bytes, self._told_at = self._taken_bytes, now
            try:
                await self._stream.write(_TAKEN.pack(self._taken_bytes))
            except StreamClosedError:
                self._listens = False  # it has sent everything
        return data
