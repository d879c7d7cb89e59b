"""What a hop sends to the next: in order, by a task of its own, kept in a journal to be sent again."""

import anyio

from crofter.core import CrofterError, ErrorCode

from .faults import ended_early, read_fault
from .frame_queue import FrameQueue
from .journal import Journal
from .links import FrameChannel
from .messages import Fault
from .wire import Frame, FrameError, frame_bytes, read_frame

_MOST_REPLAYS = 8
"""Asked for in one session: an honest hop asks once after a change of the route."""


class Outgoing:
    """One session's way onward. `run` is up as long as the channel to the next hop."""

    def __init__(self, journal_bytes: int, queued_frames: int) -> None:
        self._journal = Journal(journal_bytes)
        self._queue = FrameQueue[Frame](queued_frames)
        self._replays = 0
        self._failure: CrofterError | None = None
        self._fault: Fault | None = None

    async def put(self, frame: Frame) -> None:
        """Send it in its turn; waits while the queue is full."""
        if frame.kind != "renew":
            self._journal.add(frame)
        await self._queue.put(frame)

    def offer(self, frame: Frame) -> bool:
        """The same without waiting; False, and nothing is done, if the queue is full."""
        if not self._queue.offer(frame):
            return False
        if frame.kind != "renew":
            self._journal.add(frame)
        return True

    async def repeat(self, step: int) -> None:
        """Send once more what was sent for a step that is done. Raises CONFLICT if it is not kept any more."""
        frame = self._journal.find(step)
        if frame is None:
            raise CrofterError(
                ErrorCode.CONFLICT, f"step {step} of the session is done, and its result not kept any more"
            )
        await self._queue.put(frame)

    async def run(self, channel: FrameChannel) -> Fault:
        """Send what is put, until the hop behind that one says what ended the session.

        Raises CrofterError: the next hop breaks off, ends the channel or sends what it may not. May be cancelled.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send, channel, tasks.cancel_scope, name="frames to the next hop")
            try:
                self._fault = await self._listen(channel)
            except CrofterError as error:
                self._failure = error
            tasks.cancel_scope.cancel()
        if self._fault is not None:
            return self._fault
        raise self._failure or ended_early("the next hop")

    def close(self) -> None:
        """Nothing more is put."""
        self._queue.close()

    async def _send(self, channel: FrameChannel, scope: anyio.CancelScope) -> None:
        try:
            while (frame := await self._queue.take()) is not None:
                await channel.send(frame_bytes(frame))
        except CrofterError as error:
            # Why the next hop reads no more comes on its own side of the channel.
            if error.code is not ErrorCode.STREAM_CLOSED:
                self._failure = error
                scope.cancel()

    async def _listen(self, channel: FrameChannel) -> Fault | None:
        while (data := await channel.receive()) is not None:
            frame = read_frame(data)
            if frame.kind == "fault":
                return read_fault(frame)
            if frame.kind != "need":
                raise FrameError("header", f"a `{frame.kind}` came back from the next hop")
            await self._replay(frame)
        return None

    async def _replay(self, need: Frame) -> None:
        self._replays += 1
        frames = self._journal.since(need.step)
        if frames is None or self._replays > _MOST_REPLAYS:
            message = (
                f"the next hop lacks what follows position {need.position}, and step {need.step} is not kept any more"
            )
            raise CrofterError(ErrorCode.CONFLICT, message)
        for frame in frames:
            await self._queue.put(frame)
