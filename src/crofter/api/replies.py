"""Replies: JSON at once, or a stream that starts with its first piece and stops with its client."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import NoReturn, TypeVar

import anyio
import msgspec

from crofter.core import CrofterError, ErrorCode

from .asgi import Headers, Receive, Scope, Send, exchange_of
from .errors import error_body, internal_error

_logger = logging.getLogger("crofter.api")

T = TypeVar("T")


class JsonReply:
    """A whole reply."""

    def __init__(
        self,
        body: object,
        *,
        status: int = 200,
        headers: Sequence[tuple[bytes, bytes]] = (),
        content_type: bytes = b"application/json",
    ) -> None:
        self._body = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self._status = status
        self._headers = [(b"content-length", b"%d" % len(self._body)), *headers]
        if self._body:
            self._headers.append((b"content-type", content_type))

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
        headers: Sequence[tuple[bytes, bytes]] = (),
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
            *headers,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        line = _Line(send, self._headers)
        limit_seconds = None if self._timeout_seconds is None else self._timeout_seconds + self._keep_alive_seconds
        try:
            # The turn has its own limit; this one is for a client that stopped reading.
            async with asyncio.timeout(limit_seconds), asyncio.TaskGroup() as group:
                watcher = group.create_task(self._watch_client(receive, line), name="watch client")
                await self._write(line, scope)
                watcher.cancel()
        except* (_ClientLeftError, TimeoutError):
            pass
        if line.error is not None and not line.started:
            raise line.error

    async def _watch_client(self, receive: Receive, line: "_Line") -> None:
        """Show the client a sign of life while it waits. Raises _ClientLeftError when it goes away."""
        while True:
            seen = line.pieces_sent
            with suppress(TimeoutError):
                async with asyncio.timeout(self._keep_alive_seconds):
                    await _client_left(receive)
            if line.pieces_sent == seen:
                await line.write(self._format.keep_alive)

    async def _write(self, line: "_Line", scope: Scope) -> None:
        exchange = exchange_of(scope)
        if len(self._sources) == 1:
            # Without a task of its own the first token is asked for at once.
            await _pump(self._sources[0], line, exchange.request_id)
        else:
            async with anyio.create_task_group() as pumps:
                for source in self._sources:
                    pumps.start_soon(_pump, source, line, exchange.request_id, pumps.cancel_scope, name="stream answer")
        if line.error is None:
            await line.write(self._tail(), last=True)
        elif line.started:
            exchange.error = line.error.code.code
            await line.write(self._format.error_line(line.error), last=True)


async def until_disconnect(receive: Receive, work: Callable[[], Awaitable[T]]) -> T:
    """The result of `work`, which is cancelled if the client goes away (then this raises CANCELLED)."""
    results: list[T] = []
    failure: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(_client_left(receive), name="watch client")
            try:
                results.append(await work())
            except Exception as error:  # noqa: BLE001 - only carried out of the task group, which would wrap it
                failure = error
            watcher.cancel()
    except* _ClientLeftError:
        pass
    if failure is not None:
        raise failure
    if not results:
        raise CrofterError(ErrorCode.CANCELLED, "the client disconnected")
    return results[0]


class _ClientLeftError(Exception):
    """Ends the task group that watched the client."""


async def _client_left(receive: Receive) -> NoReturn:
    """Wait until the client goes away, and raise _ClientLeftError.

    In a task of asyncio's, here and above: to start one of anyio's takes as long as reading and checking the request.
    """
    while (await receive())["type"] != "http.disconnect":
        pass
    raise _ClientLeftError


async def _pump(
    source: AsyncGenerator[bytes], line: "_Line", request_id: str, others: anyio.CancelScope | None = None
) -> None:
    """To the end or the first error, which ends the `others` too."""
    try:
        async with aclosing(source):
            async for piece in source:
                await line.write(piece)
    except CrofterError as error:
        line.error = line.error or error
    except Exception:
        _logger.exception("stream failed", extra={"request_id": request_id})
        line.error = line.error or internal_error(request_id)
    if line.error is not None and others is not None:
        others.cancel()


class _Line:
    """The way to the client. A piece is a whole event, so several tasks may write, in turns; a full socket makes them wait."""

    def __init__(self, send: Send, headers: Headers) -> None:
        self.error: CrofterError | None = None
        self.started = False
        self.pieces_sent = 0
        self._ended = False
        self._send = send
        self._headers = headers
        self._turn = anyio.Lock(fast_acquire=True)

    async def write(self, piece: bytes, *, last: bool = False) -> None:
        """Send a piece, the headers before the first; nothing after the last."""
        async with self._turn:
            if self._ended:
                return
            if not self.started:
                self.started = True
                await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
            self.pieces_sent += 1
            self._ended = last
            await self._send({"type": "http.response.body", "body": piece, "more_body": not last})
