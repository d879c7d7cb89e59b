"""Frames over a stream: a length of four bytes (big-endian), then so many bytes. The smallest thing two nodes say to each other.

One call into the transport costs about 0.1 ms, so that a frame is one write, and a read takes whatever has come.
"""

import struct
from typing import Protocol

import anyio

from crofter.core import CrofterError, ErrorCode

from .plan import frame_seconds
from .transport import Stream

MAXIMUM_FRAME_BYTES = 16 * 1024 * 1024
READ_BYTES = 256 * 1024
_FIRST_READ_BYTES = 32 * 1024
"""The transport makes a buffer of what is asked for, whatever comes: a large one costs a small message more than the message."""
_LENGTH = struct.Struct("!I")


class FrameCutter:
    """Cuts bytes, as they come, into frames. Holds at most one frame and one read."""

    def __init__(self, maximum_bytes: int = MAXIMUM_FRAME_BYTES) -> None:
        self.maximum_bytes = maximum_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """More bytes, in order. Cut what is there before feeding again, else they pile up."""
        self._buffer += data

    def cut(self) -> bytes | None:
        """The next whole frame; None if it is not there yet. Raises PEER_FAILED for one that is too large, before it comes."""
        size = self.size_bytes
        if size is None or len(self._buffer) < _LENGTH.size + size:
            return None
        frame = bytes(memoryview(self._buffer)[_LENGTH.size : _LENGTH.size + size])
        del self._buffer[: _LENGTH.size + size]
        return frame

    @property
    def size_bytes(self) -> int | None:
        """How large the next frame says it is, if that is known."""
        if len(self._buffer) < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack_from(self._buffer)
        if size > self.maximum_bytes:
            message = f"the peer announced {size} bytes where {self.maximum_bytes} are allowed"
            raise CrofterError(ErrorCode.PEER_FAILED, message)
        return size

    @property
    def empty(self) -> bool:
        """Whether no frame has begun."""
        return not self._buffer


class Readable(Protocol):
    """Where frames come from."""

    async def read(self, limit_bytes: int) -> bytes:
        """See `Stream`."""
        ...


class FrameReader:
    """Reads frames from a stream, as long as nobody else reads from it."""

    def __init__(self, stream: Readable, maximum_bytes: int = MAXIMUM_FRAME_BYTES) -> None:
        self._stream = stream
        self._cutter = FrameCutter(maximum_bytes)
        self._read_bytes = _FIRST_READ_BYTES

    def limit(self, maximum_bytes: int) -> None:
        """From the next frame on this is the largest."""
        self._cutter.maximum_bytes = maximum_bytes

    def come(self) -> bytes | None:
        """The next frame if it has been read already. Raises PEER_FAILED if it is too large."""
        return self._cutter.cut()

    async def receive(self) -> bytes | None:
        """The next frame; None at the end of the stream. Waits for its first byte as long as the caller lets it.

        Raises PEER_FAILED: too large, or the stream ends inside it; PEER_TOO_SLOW: it does not come to its end; and what reading
        raises. After an error the stream is of no more use. A cancelled call loses nothing.
        """
        if (frame := self.come()) is not None:
            return frame
        if self._cutter.empty and not await self._read():
            return None
        if (frame := self._cutter.cut()) is not None:
            return frame
        return await self._rest()

    async def _rest(self) -> bytes:
        started = anyio.current_time()
        while (frame := self._cutter.cut()) is None:
            allowed = frame_seconds(self._cutter.size_bytes or 0)
            try:
                with anyio.fail_after(started + allowed - anyio.current_time()):
                    more = await self._read()
            except TimeoutError:
                message = f"a message of the peer did not come to its end in {allowed:.0f} s"
                raise CrofterError(ErrorCode.PEER_TOO_SLOW, message) from None
            if not more:
                raise CrofterError(ErrorCode.PEER_FAILED, "the peer ended the stream in the middle of a message")
        return frame

    async def _read(self) -> bool:
        data = await self._stream.read(self._read_bytes)
        if len(data) == self._read_bytes:
            self._read_bytes = min(2 * self._read_bytes, READ_BYTES)
        self._cutter.feed(data)
        return bool(data)


def framed(payload: bytes | bytearray | memoryview, maximum_bytes: int = MAXIMUM_FRAME_BYTES) -> bytes:
    """The payload with its length in front. Raises ValueError if it is larger than a frame may be."""
    if len(payload) > maximum_bytes:
        raise ValueError(f"{len(payload)} bytes are more than a frame may have")
    return b"".join((_LENGTH.pack(len(payload)), payload))


async def send_frame(
    stream: Stream, payload: bytes | bytearray | memoryview, maximum_bytes: int = MAXIMUM_FRAME_BYTES
) -> None:
    """Write one frame. Raises PEER_TOO_SLOW if the peer does not take it in time, and what writing raises."""
    await send_frames(stream, framed(payload, maximum_bytes))


async def send_frames(stream: Stream, frames: bytes) -> None:
    """Write frames that are framed already, as one. Raises what `send_frame` raises."""
    allowed = frame_seconds(len(frames))
    # Half of what `fail_after` costs, which is more than the rest of this room takes for a small frame.
    with anyio.move_on_after(allowed) as limit:
        await stream.write(frames)
    if limit.cancelled_caught:
        raise CrofterError(ErrorCode.PEER_TOO_SLOW, f"the peer did not take a message within {allowed:.0f} s")
