"""The outermost layer: a request id, errors as replies, one log line and the counters for every request."""

import logging
import re
from time import perf_counter

from crofter.core import CrofterError, new_request_id

from .asgi import App, Exchange, Message, Receive, Scope, Send, headers_named
from .dialects import dialect_of
from .errors import error_headers, internal_error, status_of
from .metrics import Metrics
from .replies import JsonReply

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CLIENT_LEFT = 499

_access = logging.getLogger("crofter.api.access")
_logger = logging.getLogger("crofter.api")


class Edge:
    """Wraps everything else. Nothing that is raised inside leaves it, unless a reply was cut short: then the connection must break."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        # The parser leaves spaces at the end of values, which are no part of them (RFC 9110, 5.5).
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        given = headers_named(scope, b"x-request-id")
        request_id = given[0] if given and _REQUEST_ID.fullmatch(given[0]) else new_request_id()
        exchange = Exchange(request_id=request_id)
        exchange.attach(scope)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                limits = dialect_of(scope).limits(exchange.account.rooms()) if exchange.account is not None else []
                own = (b"x-request-id", request_id.encode())
                message["headers"] = [*message["headers"], own, *exchange.headers, *limits]
            await send(message)

        try:
            await self._answer(scope, receive, send_with_id, exchange)
        finally:
            self._record(scope, exchange)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        try:
            await self._app(scope, receive, send)
        except CrofterError as error:
            if exchange.status is not None:
                raise
            failure = error
        except Exception:
            _logger.exception("request failed", extra={"request_id": exchange.request_id})
            if exchange.status is not None:
                raise
            failure = internal_error(exchange.request_id)
        else:
            return
        # This frame is among those it came through; without this they and the body they hold would wait for the garbage collector.
        failure.__traceback__ = None
        exchange.error = failure.code.code
        body = dialect_of(scope).error(failure)
        reply = JsonReply(body, status=status_of(failure), headers=error_headers(failure))
        await reply(scope, receive, send)

    def _record(self, scope: Scope, exchange: Exchange) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        status = exchange.status or _CLIENT_LEFT
        duration_seconds = perf_counter() - exchange.arrived_at
        self._metrics.request_ended(str(route), str(scope["method"]), status, duration_seconds)
        facts: dict[str, object] = {
            "request_id": exchange.request_id,
            "method": scope["method"],
            "route": route,
            "status": status,
            "duration_seconds": round(duration_seconds, 6),
        }
        if exchange.error is not None:
            facts["error"] = exchange.error
        _access.info("request", extra=facts)
