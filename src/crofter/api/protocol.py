"""HTTP/1.1 as uvicorn speaks it, with bounds that it lacks: on the size of a request's head, and on the time until it is all there."""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from crofter.core import CrofterError, ErrorCode

from .asgi import Receive, Scope, Send
from .dialects import OPENAI, dialect_of
from .errors import error_headers, status_of
from .replies import JsonReply

_MAX_HEAD_BYTES = 64 * 1024
_MAX_HEADERS = 128


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A request that breaks a bound is answered with an error, and the connection closed.

    Bytes after a reply that came early, as to a body that is too large, are read and dropped within the same time: closing at once would
    take the reply away from a client that is still sending.
    """

    request_seconds = 35.0
    """From a request's first byte, or from connecting, until it is all there."""
    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    """Of the head that is being read."""
    _is_in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] as uvicorn's
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._is_in_head and self._head_bytes > _MAX_HEAD_BYTES:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the headers are larger than {_MAX_HEAD_BYTES} bytes"
            )
        elif self._awaits_more and self._timer is None:
            self._start_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        if len(self.headers) > _MAX_HEADERS:
            raise ValueError("too many headers")  # The parser makes an error of it, and that becomes a 400.
        self._is_in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_timer()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn passes its own words
        """What uvicorn calls when the parser fails."""
        self._refuse(
            HTTPStatus.BAD_REQUEST, f"this is not HTTP/1.1 (RFC 9112), or has more than {_MAX_HEADERS} headers"
        )

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - uvicorn's kind of app
        super()._start_asgi_task(cycle, cast("Any", _turn_away) if app is service_unavailable else app)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison] it is None before the first request

    @property
    def _awaits_more(self) -> bool:
        """Whether a request has begun and is not all there, or bytes came that are no request yet."""
        return self._is_in_head or self.cycle is None or self.cycle.more_body or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison] as above

    @property
    def _is_answered(self) -> bool:
        """Whether what is being read is the rest of a request that has its reply already."""
        return not self._is_in_head and self.cycle is not None and self.cycle.response_started and self.cycle.more_body  # pyright: ignore[reportUnnecessaryComparison] as above

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.request_seconds, self._time_is_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self) -> None:
        self._timer = None
        if self._is_answering:
            self._start_timer()  # A request behind it has to wait: nothing more is read before this one is answered.
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request was not sent in time")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer, unless an answer is on its way or was given, and close."""
        if not (self._is_answering or self._is_answered):
            # The scope is the last request's whose head was whole: this one's, unless it is the head that is wrong.
            dialect = OPENAI if self._is_in_head or self.cycle is None else dialect_of(cast("Scope", self.scope))  # pyright: ignore[reportUnnecessaryComparison] as above
            body = dialect.error(CrofterError(ErrorCode.INVALID_REQUEST, message))
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\nconnection: close\r\n"
            self.transport.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()


async def _turn_away(scope: Scope, receive: Receive, send: Send) -> None:
    """What a request gets that comes over a connection too many, in place of uvicorn's line of text."""
    error = CrofterError(
        ErrorCode.OVERLOADED, "as many connections are open as this node serves (api.max_connections); try again"
    )
    headers = [*error_headers(error), (b"connection", b"close")]
    reply = JsonReply(dialect_of(scope).error(error), status=status_of(error), headers=headers)
    await reply(scope, receive, send)
