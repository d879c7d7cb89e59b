"""Frames of bytes both ways between two nodes, until one of them ends it.

On the wire: a request as any other; then frames in both directions, each as a reply is: a byte that says whether it is one or what went
wrong, and at last the end of the stream. One frame is one write.
"""

from collections.abc import Callable

from .encoding import item_frame, reply_of
from .frames import FrameReader, framed, send_frames
from .transport import Stream


class Channel:
    """One side of it. One task may send and one may receive at a time. Whoever opened the stream, or accepted it, closes it."""

    def __init__(
        self, stream: Stream, reader: FrameReader, most_bytes: int, count_bytes: Callable[[int], object]
    ) -> None:
        self._stream = stream
        self._reader = reader
        self._most_bytes = most_bytes
        self._count_bytes = count_bytes

    async def send(self, payload: bytes) -> None:
        """Send one frame; waits while the peer's window is full. After a cancelled send only closing makes sense.

        Raises ValueError if it is longer than the kind allows; STREAM_CLOSED if the peer reads no more (why, `receive` says),
        PEER_TOO_SLOW if it does not take it in time, PEER_LOST.
        """
        frame = framed(item_frame(payload), self._most_bytes + 1)
        await send_frames(self._stream, frame)
        self._count_bytes(len(frame))

    async def receive(self) -> bytes | None:
        """The next frame, however long it takes; None when the peer has ended it. A cancelled call loses nothing.

        Raises what the peer says went wrong; PEER_FAILED for what is malformed or too long; PEER_LOST, PEER_TOO_SLOW, STREAM_CLOSED.
        """
        frame = await self._reader.receive()
        if frame is None:
            return None
        self._count_bytes(len(frame))
        return reply_of(bytes, frame)
