"""Replies: JSON at once, or a stream that starts with its first piece and stops with its client."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

import anyio
import msgspec

from crofter.core import CrofterError, ErrorCode

from .asgi import Headers, Receive, Scope, Send, exchange_of
from .errors import error_body, internal_error

_WAITING_PIECES = 256
"""How many pieces a slow client may leave lying before its generation pauses."""

_logger = logging.getLogger("crofter.api")

T = TypeVar("T")


class JsonReply:
    """A whole reply."""

    def __init__(
        self,
        body: object,
        *,
        status: int = 200,
        headers: Headers | None = None,
        content_type: bytes = b"application/json",
    ) -> None:
        self._body = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self._status = status
        self._headers = [
            (b"content-type", content_type),
            (b"content-length", b"%d" % len(self._body)),
            *(headers or []),
        ]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


class StreamFormat(msgspec.Struct, frozen=True, kw_only=True):
    """What SSE and NDJSON do differently."""

    content_type: bytes
    keep_alive: bytes
    """Sent while there is nothing else to send; means nothing to the client."""
    error_line: Callable[[CrofterError], bytes]


SSE = StreamFormat(
    content_type=b"text/event-stream; charset=utf-8",
    keep_alive=b": ping\n\n",
    error_line=lambda error: b"data: " + error_body(error) + b"\n\n",
)
NDJSON = StreamFormat(
    content_type=b"application/x-ndjson",
    keep_alive=b"\n",
    error_line=lambda error: error_body(error) + b"\n",
)


class StreamReply:
    """Pieces from one or more generators as they come, then `tail`.

    Headers wait for the first piece (or the first keep-alive), so that an error before it is an HTTP status; a later one is a line of
    the stream, and `tail` is left out. The generators are closed when they end, fail, time out or the client goes away.
    """

    def __init__(
        self,
        stream_format: StreamFormat,
        sources: Sequence[AsyncGenerator[bytes]],
        *,
        keep_alive_seconds: float,
        timeout_seconds: float | None = None,
        tail: Callable[[], bytes] = bytes,
        headers: Headers | None = None,
    ) -> None:
        self._format = stream_format
        self._sources = sources
        self._keep_alive_seconds = keep_alive_seconds
        self._timeout_seconds = timeout_seconds
        self._tail = tail
        self._headers = [
            (b"content-type", stream_format.content_type),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
            *(headers or []),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        feed = _Feed(len(self._sources))
        request_id = exchange_of(scope).request_id
        refused: CrofterError | None = None
        async with anyio.create_task_group() as group:
            if self._timeout_seconds is not None:
                # The turn has its own limit; this one is for a client that stopped reading.
                group.cancel_scope.deadline = anyio.current_time() + self._timeout_seconds + self._keep_alive_seconds
            group.start_soon(_cancel_on_disconnect, receive, group.cancel_scope, name="watch client")
            for source in self._sources:
                group.start_soon(_pump, source, feed, request_id, name="stream answer")
            group.start_soon(_keep_alive, feed, self._format.keep_alive, self._keep_alive_seconds, name="keep alive")
            refused = await self._write(feed, send, scope)
            group.cancel_scope.cancel()
        if refused is not None:
            raise refused

    async def _write(self, feed: "_Feed", send: Send, scope: Scope) -> CrofterError | None:
        started = False
        while True:
            piece = await feed.take()
            if not piece:
                break
            if not started:
                await self._start(send)
                started = True
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if feed.error is not None and not started:
            return feed.error
        if not started:
            await self._start(send)
        if feed.error is not None:
            exchange_of(scope).error = feed.error.code.code
        last = self._tail() if feed.error is None else self._format.error_line(feed.error)
        await send({"type": "http.response.body", "body": last, "more_body": False})
        return None

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})


async def until_disconnect(receive: Receive, work: Callable[[], Awaitable[T]]) -> T:
    """The result of `work`, which is cancelled if the client goes away (then this raises CANCELLED)."""
    results: list[T] = []
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_cancel_on_disconnect, receive, group.cancel_scope, name="watch client")
        try:
            results.append(await work())
        except Exception as error:  # noqa: BLE001 - only carried out of the task group, which would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if not results:
        raise CrofterError(ErrorCode.CANCELLED, "the client disconnected")
    return results[0]


async def _cancel_on_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _keep_alive(feed: "_Feed", sign_of_life: bytes, interval_seconds: float) -> None:
    """A task of its own, so that the wait for each token needs no timer."""
    while True:
        seen = feed.pieces_seen
        await anyio.sleep(interval_seconds)
        if feed.pieces_seen == seen:
            await feed.put(sign_of_life)


async def _pump(source: AsyncGenerator[bytes], feed: "_Feed", request_id: str) -> None:
    try:
        async with aclosing(source):
            async for piece in source:
                await feed.put(piece)
    except CrofterError as error:
        feed.fail(error)
    except Exception:
        _logger.exception("stream failed", extra={"request_id": request_id})
        feed.fail(internal_error(request_id))
    else:
        feed.finish()


class _Feed:
    """Between the generators and the socket: what waits is sent in one piece. asyncio's events are used as they can be cleared."""

    def __init__(self, sources: int) -> None:
        self.error: CrofterError | None = None
        self.pieces_seen = 0
        self._running = sources
        self._pieces: list[bytes] = []
        self._arrived = asyncio.Event()
        self._space = asyncio.Event()

    @property
    def ended(self) -> bool:
        return self._running == 0 or self.error is not None

    async def put(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.pieces_seen += 1
        self._arrived.set()
        while len(self._pieces) >= _WAITING_PIECES:
            self._space.clear()
            await self._space.wait()

    def finish(self) -> None:
        self._running -= 1
        self._arrived.set()

    def fail(self, error: CrofterError) -> None:
        self.error = error
        self._arrived.set()

    async def take(self) -> bytes:
        """Everything that waits, as soon as anything does; empty when nothing more will come."""
        while not self._pieces and not self.ended:
            self._arrived.clear()
            await self._arrived.wait()
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self._space.set()
        return taken
