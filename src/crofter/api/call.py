"""What a route is handed: the request, and its body on demand."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import parse_qs

import msgspec

from crofter.core import RADII, CrofterError, ErrorCode, Intent, Radius

from .access import Asker
from .asgi import App, Exchange, Receive, Scope, exchange_of, headers_named
from .body import decode_body, read_body
from .settings import ApiSettings

T = TypeVar("T")


class Call(msgspec.Struct, frozen=True):
    """One request on its way to a route."""

    scope: Scope
    receive: Receive
    settings: ApiSettings

    async def body(self, shape: type[T]) -> T:
        """The body as `shape`, read once. Raises what `read_body` and `decode_body` raise."""
        return decode_body(await read_body(self.scope, self.receive, self.settings), shape)

    @property
    def name(self) -> str:
        """The `{name}` in the address."""
        name: str = self.scope["path_params"]["name"]
        return name

    def query(self, name: str) -> str:
        """A parameter in the address; empty if it is not there."""
        given: bytes = self.scope["query_string"]
        return parse_qs(given.decode("latin-1")).get(name, [""])[0]

    @property
    def intent(self) -> Intent:
        """How far this request may travel and who may read it: as its headers say, never further than its key.

        Raises INVALID_REQUEST.
        """
        return Intent(
            radius=self._radius_named("x-crofter-radius"),
            readers=self._radius_named("x-crofter-readers"),
            limit=self.exchange.radius,
        )

    def _radius_named(self, header: str) -> Radius | None:
        wanted = next(iter(headers_named(self.scope, header.encode())), None)
        if wanted is None or wanted in RADII:
            return wanted
        raise CrofterError(ErrorCode.INVALID_REQUEST, f"{header} is one of {', '.join(RADII)}", parameter=header)

    @property
    def exchange(self) -> Exchange:
        return exchange_of(self.scope)

    @property
    def asker(self) -> Asker:
        """On whose behalf a model is asked. Raises what `intent` raises."""
        exchange = self.exchange
        return Asker(intent=self.intent, account=exchange.account, arrived_at=exchange.arrived_at)


Handler = Callable[[Call], Awaitable[App]]
