"""The answering side: who may ask what, how often, how long and how large; then the handler, which ends with its caller."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

import anyio

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.trust import Standing

from .asking import MOST_ERROR_BYTES, MOST_OPENING_BYTES, Opening
from .bulk import BulkWriter
from .channel import Channel
from .counts import UNKNOWN, Counts
from .encoding import decoded, error_frame, item_frame
from .frames import FrameReader, framed, send_frame
from .kinds import BULK, Caller, ChannelKind, Kind
from .limits import Limits
from .line import Line
from .owning import ABANDONED, owned
from .rules import Rules
from .transport import Stream

_logger = logging.getLogger("crofter.network")

Handler = Callable[[Caller, Any], Awaitable[Any] | AsyncGenerator[Any]]
ChannelHandler = Callable[[Caller, Any, Channel], Awaitable[None]]

_OPENING_SECONDS = 10.0
_QUICK_SECONDS = 0.05
"""An answer that comes sooner is not worth watching whether its caller is still there."""
_AT_ONCE: dict[Standing, int] = {"trusted": 256, "pending": 8, "stranger": 8, "blocked": 0}
"""Requests of one peer that may run."""
_FAULTS = frozenset(
    {
        ErrorCode.PEER_FAILED,
        ErrorCode.PEER_REFUSED,
        ErrorCode.PEER_TOO_SLOW,
        ErrorCode.RATE_LIMITED,
        ErrorCode.UNSUPPORTED,
    }
)


class Answering:
    """Serves the streams that peers open."""

    def __init__(self, kinds: tuple[Kind[Any, Any], ...], rules: Rules, counts: Counts) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._handlers: dict[str, Handler] = {}
        self._channel_handlers: dict[str, ChannelHandler] = {}
        self._rules = rules
        self._counts = counts
        self._limits = Limits(anyio.current_time)

    def serve(self, kind: Kind[Any, Any], handler: Handler) -> None:
        """Answer this kind. Raises ValueError if it is not in the table, or answered already."""
        self._check_free(kind)
        self._handlers[kind.name] = handler

    def serve_channel(self, kind: ChannelKind[Any], handler: ChannelHandler) -> None:
        """The same for a channel."""
        self._check_free(kind)
        self._channel_handlers[kind.name] = handler

    def full(self, line: Line) -> bool:
        """Whether this peer has as many requests running as it may."""
        return line.answering >= _AT_ONCE[self._rules.standing(line.node_id)]

    def is_tiresome(self, node_id: NodeId) -> bool:
        """Whether nothing is to be had from this peer but refusals to be written; a trusted one is borne with."""
        return self._limits.is_tiresome(node_id) and self._rules.standing(node_id) != "trusted"

    async def turn_away(self, stream: Stream, line: Line) -> None:
        """One too many. It is not read, and costs the peer more than this node."""
        self._counts.ended(UNKNOWN, "in", CrofterError(ErrorCode.OVERLOADED, ""))
        self._limits.fault(line.node_id)
        await stream.reset(ABANDONED)
        await stream.stop(ABANDONED)

    async def answer(self, stream: Stream, line: Line) -> None:
        """One request, from its opening to its end. Raises nothing."""
        request = _Request(stream, line)
        with suppress(CrofterError):  # the peer, or his connection, is gone: there is nobody to tell
            async with owned(stream):
                try:
                    await self._handle(request)
                except CrofterError as error:
                    request.error = error
                    await send_frame(stream, error_frame(error))
        self._counts.ended(request.kind_name, "in", request.error)
        if request.error is not None and request.error.code in _FAULTS:
            self._limits.fault(line.node_id)
            if self.is_tiresome(line.node_id):
                line.connection.close(CrofterError(ErrorCode.PEER_REFUSED, "the peer asks for what it may not have"))

    def _check_free(self, kind: Kind[Any, Any]) -> None:
        if self._kinds.get(kind.name) is not kind or kind.name in self._handlers | self._channel_handlers:
            raise ValueError(f"`{kind.name}` is not in the table of messages, or has a handler already")

    async def _handle(self, request: "_Request") -> None:
        opening = await request.opening()
        kind = self._kinds.get(opening.kind)
        if kind is None:
            raise CrofterError(ErrorCode.UNSUPPORTED, "this node does not know this kind of message; it may be older")
        request.kind_name = kind.name
        line = request.line
        standing = self._rules.standing(line.node_id)
        self._rules.check(kind, line.node_id, near=line.near)
        if kind.name not in self._handlers and kind.name not in self._channel_handlers:
            raise CrofterError(ErrorCode.UNSUPPORTED, f"this node does not answer `{kind.name}`")
        if wait := self._limits.ask(line.node_id, standing, kind):
            message = f"too many `{kind.name}`; try again in {wait:.1f} s"
            raise CrofterError(ErrorCode.RATE_LIMITED, message, retry_after_seconds=wait)
        if kind.priority:
            await request.prioritize(kind)
        try:
            message = await request.message(kind)
            caller = _caller(line, standing)
            if (handler := self._handlers.get(kind.name)) is not None:
                await request.watched(_answered(handler, kind, caller, message, request), opening.timeout_seconds)
            else:
                await request.held(self._channel_handlers[kind.name], kind, caller, message)
        finally:
            self._limits.charge(line.node_id, kind, request.size_bytes)
            self._counts.bytes[kind.name, "in"] += request.size_bytes


class _Request:
    """One stream that a peer opened."""

    def __init__(self, stream: Stream, line: Line) -> None:
        self.stream = stream
        self.line = line
        self.kind_name = UNKNOWN
        self.error: CrofterError | None = None
        self.size_bytes = 0
        self._replied = False
        self._reader = FrameReader(stream, MOST_OPENING_BYTES)
        self._bulk: BulkWriter | None = None

    async def opening(self) -> Opening:
        """What he wants. Raises PEER_TOO_SLOW, PEER_FAILED."""
        return decoded(Opening, await self._frame())

    async def message(self, kind: Kind[Any, Any]) -> Any:  # noqa: ANN401 - of the kind's type
        """The request itself, no longer than the kind allows."""
        self._reader.limit(kind.most_bytes)
        return decoded(kind.request, await self._frame())

    async def prioritize(self, kind: Kind[Any, Any]) -> None:
        """Let the replies go before, or after, those of other kinds."""
        await self.stream.set_priority(kind.priority)
        if kind.priority == BULK:
            self._bulk = BulkWriter(self.stream, partial(self.line.path, 0.0))

    async def reply(self, kind: Kind[Any, Any], message: object) -> None:
        """One reply, no longer than the kind allows."""
        self._replied = True
        frame = item_frame(message)
        if self._bulk is None:
            await send_frame(self.stream, frame, kind.most_bytes + 1)
        else:
            await self._bulk.send(framed(frame, kind.most_bytes + 1))
        self._count(len(frame))

    async def watched(self, work: Callable[[], Awaitable[None]], timeout_seconds: float) -> None:
        """Do the work until the deadline, and only as long as the caller waits for it."""
        failure: CrofterError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, tasks.cancel_scope, name="is the caller still there")
            failure = await self._failure_of(work, timeout_seconds)
            tasks.cancel_scope.cancel()
        failure = failure or self.error
        if failure is not None:
            raise failure

    async def held(self, handler: ChannelHandler, kind: Kind[Any, Any], caller: Caller, message: object) -> None:
        """Hand over a channel for as long as the handler likes: it hears its caller itself, and a silent one is noticed."""
        self._reader.limit(max(kind.most_bytes, MOST_ERROR_BYTES) + 1)
        channel = Channel(self.stream, self._reader, kind.most_bytes, self._count)
        with self.line.liveness.used():
            failure = await self._failure_of(partial(handler, caller, message, channel), None)
        if failure is not None:
            raise failure

    async def _failure_of(
        self, work: Callable[[], Awaitable[None]], timeout_seconds: float | None
    ) -> CrofterError | None:
        try:
            with anyio.fail_after(timeout_seconds):
                await work()
        except TimeoutError:
            return CrofterError(ErrorCode.TIMED_OUT, "the answer took longer than the caller wanted to wait")
        except CrofterError as error:
            return error
        except Exception:
            _logger.exception("the handler of a peer's message failed", extra={"kind": self.kind_name})
            return CrofterError(ErrorCode.INTERNAL, "something went wrong; the log of that node says what")
        return None

    async def _watch(self, work: anyio.CancelScope) -> None:
        if self._bulk is None:
            await anyio.sleep(_QUICK_SECONDS)
        with self.line.liveness.used():
            try:
                await self._heard_to_the_end()
                if not self._replied:
                    self.error = CrofterError(ErrorCode.CANCELLED, "the caller ended his side before the answer")
            except CrofterError as error:
                gone = CrofterError(ErrorCode.CANCELLED, f"the caller is gone: {error.message}")
                self.error = error if error.code is ErrorCode.PEER_FAILED else gone
        work.cancel()

    async def _heard_to_the_end(self) -> None:
        """The caller keeps his side open until he has all he wants, and silent but for what he has taken of bulk."""
        if self._bulk is not None:
            await self._bulk.listen()
        elif await self.stream.read(1):
            raise CrofterError(ErrorCode.PEER_FAILED, "something came after the request")

    async def _frame(self) -> bytes:
        frame = self._reader.come()
        try:
            if frame is None:
                with anyio.fail_after(_OPENING_SECONDS):
                    frame = await self._reader.receive()
        except TimeoutError:
            raise CrofterError(ErrorCode.PEER_TOO_SLOW, "the request did not come") from None
        if frame is None:
            raise CrofterError(ErrorCode.PEER_FAILED, "the stream ended before the request")
        self._count(len(frame))
        return frame

    def _count(self, size_bytes: int) -> None:
        self.size_bytes += size_bytes


def _answered(
    handler: Handler, kind: Kind[Any, Any], caller: Caller, message: object, request: _Request
) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        answer = handler(caller, message)
        if isinstance(answer, AsyncGenerator):
            async with aclosing(answer) as items:
                async for item in items:
                    await request.reply(kind, item)
        else:
            await request.reply(kind, await answer)

    return work


def _caller(line: Line, standing: Standing) -> Caller:
    path = line.path()
    return Caller(
        node_id=line.node_id,
        standing=standing,
        address=path.remote_address if path else "",
        relayed=path is not None and path.relayed,
    )
