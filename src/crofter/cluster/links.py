"""How a node reaches the hops of a route: others through the network, itself without."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Protocol

import anyio

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import Caller, Channel, Peers

from .frame_queue import FrameQueue
from .messages import STAGE_CLOSE, STAGE_OPEN, STAGE_STEPS, Attach, Close, Closed, Open, Opened, Place

_LOCAL_FRAMES = 4
_CLOSING_SECONDS = 5.0


class FrameChannel(Protocol):
    """See `network.Channel`."""

    async def send(self, payload: bytes) -> None: ...

    async def receive(self) -> bytes | None: ...


Receiver = Callable[[NodeId, Attach, FrameChannel], Awaitable[None]]
"""Takes the frames for one place of a session, from whoever attached; raises what he is to be told."""


class Opener(Protocol):
    """Who keeps the stages of this node."""

    async def open(self, caller: NodeId, request: Open) -> Opened: ...

    async def close(self, caller: NodeId, request: Close) -> Closed: ...


class Links:
    """Opens, closes and attaches, here and elsewhere; and hands what is attached here to who takes that place."""

    def __init__(self, node_id: NodeId, peers: Peers) -> None:
        self.node_id = node_id
        self._peers = peers
        self._stages: Opener | None = None
        self._receivers: dict[Place, Receiver] = {}
        peers.serve_channel(STAGE_STEPS, self._attached)

    def serve(self, stages: Opener) -> None:
        """Let this node's stages be opened, by it and by others. Once."""
        self._stages = stages

        async def opened(caller: Caller, request: Open) -> Opened:
            return await stages.open(caller.node_id, request)

        async def closed(caller: Caller, request: Close) -> Closed:
            return await stages.close(caller.node_id, request)

        self._peers.serve(STAGE_OPEN, opened)
        self._peers.serve(STAGE_CLOSE, closed)

    @contextmanager
    def receiving(self, place: Place, receiver: Receiver) -> Generator[None]:
        """While this is open, channels into that place are taken. Raises CONFLICT if it is taken."""
        if place in self._receivers:
            raise CrofterError(ErrorCode.CONFLICT, "this session is at this hop already")
        self._receivers[place] = receiver
        try:
            yield
        finally:
            del self._receivers[place]

    async def open(self, node_id: NodeId, request: Open, *, timeout_seconds: float) -> Opened:
        """Open a stage. Raises what the stage, or the network on the way to it, says; TIMED_OUT."""
        if node_id != self.node_id:
            return await self._peers.call(node_id, STAGE_OPEN, request, timeout_seconds=timeout_seconds)
        if self._stages is None:
            raise CrofterError(ErrorCode.UNSUPPORTED, "this node keeps no stages")
        return await self._stages.open(node_id, request)

    async def close(self, node_id: NodeId, request: Close) -> None:
        """Close a stage. Raises as `open`."""
        if node_id != self.node_id:
            await self._peers.call(node_id, STAGE_CLOSE, request, timeout_seconds=_CLOSING_SECONDS)
        elif self._stages is not None:
            await self._stages.close(node_id, request)

    def channel(self, node_id: NodeId, attach: Attach) -> AbstractAsyncContextManager[FrameChannel]:
        """The channel into a place. Raises as `Peers.channel`."""
        if node_id == self.node_id:
            return self._local_channel(attach)
        return self._peers.channel(node_id, STAGE_STEPS, attach)

    async def _attached(self, caller: Caller, attach: Attach, channel: Channel) -> None:
        await self._received(caller.node_id, attach, channel)

    async def _received(self, caller: NodeId, attach: Attach, channel: FrameChannel) -> None:
        receiver = self._receivers.get(attach.place)
        if receiver is None:
            raise CrofterError(ErrorCode.NOT_FOUND, "there is no such session at this hop; it may have ended")
        await receiver(caller, attach, channel)

    @asynccontextmanager
    async def _local_channel(self, attach: Attach) -> AsyncGenerator[FrameChannel]:
        out, back = FrameQueue[bytes](_LOCAL_FRAMES), FrameQueue[bytes](_LOCAL_FRAMES)
        here, there = LocalChannel(out, back), LocalChannel(back, out)

        async def receive() -> None:
            try:
                await self._received(self.node_id, attach, there)
            except CrofterError as error:
                here.failure = error
            finally:
                there.close()

        failure: CrofterError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive, name="a hop of this node")
            try:
                yield here
            except CrofterError as error:
                failure = error
            finally:
                here.close()
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure


class LocalChannel:
    """One end of a channel inside this node."""

    def __init__(self, sends: FrameQueue[bytes], receives: FrameQueue[bytes]) -> None:
        self._sends = sends
        self._receives = receives
        self.failure: CrofterError | None = None
        """Why the other end is closed, if it failed."""

    async def send(self, payload: bytes) -> None:
        if not await self._sends.put(payload):
            raise CrofterError(ErrorCode.STREAM_CLOSED, "the other end of the channel is closed")

    async def receive(self) -> bytes | None:
        frame = await self._receives.take()
        if frame is None and self.failure is not None:
            raise self.failure
        return frame

    def close(self) -> None:
        """Nothing more is sent; what the other end has sent can still be received."""
        self._sends.close()
        self._receives.close()
