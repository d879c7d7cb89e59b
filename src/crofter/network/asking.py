"""The asking side of one request: a stream of its own, its opening, the replies as they come.

On the wire, in frames: the opening (kind, seconds it may take), the request; back: replies, each a frame whose first byte is 0, or
one that begins with 1 and says what went wrong; then the end of the stream. Breaking the stream off cancels the request. What is sent
in bulk is acknowledged meanwhile.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Generic, TypeVar

import anyio
import msgspec

from crofter.core import CrofterError, ErrorCode

from .bulk import BulkReader
from .channel import Channel
from .encoding import encoded, reply_of
from .frames import FrameReader, framed, send_frames
from .kinds import BULK, Kind, Reply, Request
from .owning import owned
from .transport import Stream, StreamClosedError

T = TypeVar("T")

MOST_OPENING_BYTES = 128
MOST_ERROR_BYTES = 4096
LONGEST_SECONDS = 3600.0
"""A request that takes longer is asked anew."""


class Opening(msgspec.Struct, frozen=True, array_like=True):
    """The first frame of a request."""

    kind: str
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_SECONDS)]


class Question(Generic[Request, Reply]):
    """One request on a new stream. Exactly one of `reply`, `replies` and `channel` is called, once; all close the stream.

    All raise INVALID_REQUEST if the request is too long, PEER_FAILED for what is malformed or too long, PEER_TOO_SLOW, PEER_LOST,
    TIMED_OUT at the deadline (of `anyio.current_time`), and what the peer says went wrong.
    """

    def __init__(
        self, stream: Stream, kind: Kind[Request, Reply], deadline: float, count_bytes: Callable[[int], None]
    ) -> None:
        self._stream = stream
        self._kind = kind
        self._deadline = deadline
        self._count_bytes = count_bytes
        source = BulkReader(stream) if kind.priority == BULK else stream
        self._reader = FrameReader(source, max(kind.most_bytes, MOST_ERROR_BYTES) + 1)

    async def reply(self, request: Request) -> Reply:
        """Ask, and wait for the one answer. Cancelled, it cancels the request."""
        async with owned(self._stream):
            frame = await self._within(self._exchanged(request))
            if frame is None:
                raise CrofterError(ErrorCode.PEER_FAILED, f"the peer ended `{self._kind.name}` without an answer")
            return reply_of(self._kind.reply, frame)

    async def replies(self, request: Request) -> AsyncGenerator[Reply]:
        """Ask, and give the answers as they come. Closed early, it cancels the request."""
        async with owned(self._stream):
            await self._within(self._send(request))
            while (frame := await self._within(self._receive())) is not None:
                yield reply_of(self._kind.reply, frame)

    @asynccontextmanager
    async def channel(self, request: Request) -> AsyncGenerator[Channel]:
        """Ask, and talk on for as long as the block lasts: the deadline is only for asking. Left by an exception, it breaks off."""
        async with owned(self._stream):
            await self._within(self._send(request))
            yield Channel(self._stream, self._reader, self._kind.most_bytes, self._count_bytes)

    async def _exchanged(self, request: Request) -> bytes | None:
        await self._send(request)
        return await self._receive()

    async def _send(self, request: Request) -> None:
        body = encoded(request)
        if len(body) > self._kind.most_bytes:
            message = f"this is too long: {len(body)} bytes where `{self._kind.name}` takes {self._kind.most_bytes}"
            raise CrofterError(ErrorCode.INVALID_REQUEST, message)
        left = max(0.001, min(self._deadline - anyio.current_time(), LONGEST_SECONDS))
        opening = Opening(self._kind.name, left)
        frames = framed(encoded(opening)) + framed(body)
        if self._kind.priority:
            await self._stream.set_priority(self._kind.priority)
        # A peer that refuses may stop reading before it has everything; why, it says on its side of the stream.
        with suppress(StreamClosedError):
            await send_frames(self._stream, frames)
        self._count_bytes(len(frames))
        # The stream is not finished here: as long as it is open the peer knows that somebody waits.

    async def _receive(self) -> bytes | None:
        frame = await self._reader.receive()
        self._count_bytes(len(frame or b""))
        return frame

    async def _within(self, work: Awaitable[T]) -> T:
        try:
            with anyio.fail_after(self._deadline - anyio.current_time()):
                return await work
        except TimeoutError:
            raise CrofterError(ErrorCode.TIMED_OUT, f"the peer did not answer `{self._kind.name}` in time") from None
