"""The few ASGI types, and what is known about the request being answered."""

from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any

import msgspec

from crofter.core import Radius

from .access import Account

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
_KEY = "crofter.exchange"


class Exchange(msgspec.Struct, kw_only=True):
    """One HTTP request, from its first byte to the last byte of its reply."""

    request_id: str
    """What the client or we call it, in headers and logs."""
    arrived_at: float = msgspec.field(default_factory=perf_counter)
    """On the `perf_counter` clock."""
    status: int | None = None
    """Set when the reply has begun."""
    error: str | None = None
    """The code of the error it ended with."""
    radius: Radius = "public"
    """The furthest that whoever asks may have a prompt travel."""
    account: Account | None = None
    """The key it came with; None: the owner's, or none where none is needed."""
    headers: Headers = []
    """What the reply says beside its own, whatever it is."""

    def attach(self, scope: Scope) -> None:
        scope[_KEY] = self


def exchange_of(scope: Scope) -> Exchange:
    """The exchange that `edge` attached."""
    exchange: Exchange = scope[_KEY]
    return exchange


def headers_named(scope: Scope, name: bytes) -> list[str]:
    """Every value of a header (name in lower case)."""
    pairs: Headers = scope["headers"]
    return [value.decode("latin-1") for key, value in pairs if key == name]
