"""Who may ask: exact Host and Origin, then keys. Web pages can reach loopback too, so this holds there as well."""

import ipaddress
from typing import Literal

from crofter.core import CrofterError, ErrorCode

from .access import Account
from .administration import Administration
from .asgi import App, Receive, Scope, Send, exchange_of, headers_named
from .keys import KeyScope
from .replies import JsonReply
from .settings import ApiSettings

ADMIN_PREFIX = "/crofter/"
_ADMIN_PATHS = frozenset({"/api/pull", "/api/delete"})
"""What changes the node by Ollama's dialect."""
_OPEN_PATHS = frozenset({"/", "/health", "/health/ready"})
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_PREFLIGHT_HEADERS = [
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, x-api-key, x-crofter-radius, x-crofter-readers, x-request-id",
    ),
    (b"access-control-max-age", b"600"),
]
_EXPOSED = (b"access-control-expose-headers", b"*")


class Security:
    """Refuses what may not pass: a foreign Host or Origin, a missing or wrong key, one without the scope. Notes whose key it was."""

    def __init__(self, app: App, administration: Administration, settings: ApiSettings) -> None:
        self._app = app
        self._administration = administration
        self._settings = settings
        self._loopback = settings.loopback
        self._hosts: dict[tuple[str, int], frozenset[str]] = {}
        """By the socket that requests came in by; a machine has few."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = self._checked_origin(scope, self._checked_host(scope))
        exchange = exchange_of(scope)
        if origin is not None:
            allowed = (b"access-control-allow-origin", origin.encode("latin-1"))
            exchange.headers += [allowed, _EXPOSED, (b"vary", b"origin")]
            if scope["method"] == "OPTIONS":
                await JsonReply(b"", headers=_PREFLIGHT_HEADERS)(scope, receive, send)
                return
        account = self._checked_key(scope)
        if account is not None:
            exchange.account, exchange.radius = account, account.policy.radius
        await self._app(scope, receive, send)

    def _checked_host(self, scope: Scope) -> str:
        given = headers_named(scope, b"host")
        if len(given) == 1 and given[0].lower() in self._own_hosts(scope):
            return given[0].lower()
        raise CrofterError(
            ErrorCode.FORBIDDEN,
            "this node does not answer to the name in the Host header; add it to api.allowed_hosts if it is yours",
        )

    def _own_hosts(self, scope: Scope) -> frozenset[str]:
        """Names with the port of the socket that the request came in by, so that port 0 and any bind address just work."""
        address, port = scope["server"]
        known = self._hosts.get((address, port))
        if known is None:
            known = self._hosts[address, port] = self._hosts_at(address, port)
        return known

    def _hosts_at(self, address: str, port: int) -> frozenset[str]:
        names = {*_LOOPBACK_NAMES, _bracketed(self._settings.host)}
        if _is_address(address):
            names.add(_bracketed(address))
        hosts = {f"{name}:{port}" for name in names}
        if port == 80:
            hosts |= names
        for name in self._settings.allowed_hosts:
            hosts |= {name.lower(), f"{name.lower()}:{port}"}
        return frozenset(hosts)

    def _checked_origin(self, scope: Scope, host: str) -> str | None:
        """The configured foreign origin a request comes from; None for no origin or our own. Raises FORBIDDEN for any other."""
        given = headers_named(scope, b"origin")
        if not given:
            return None
        if len(given) == 1:
            origin = given[0].lower()
            if origin == f"{scope['scheme']}://{host}":
                return None
            if origin != "null" and origin in {
                allowed.lower().rstrip("/") for allowed in self._settings.allowed_origins
            }:
                return given[0]
        raise CrofterError(
            ErrorCode.FORBIDDEN,
            "this web page may not call the node; add its origin to api.allowed_origins if it is yours",
        )

    def _checked_key(self, scope: Scope) -> Account | None:
        """The key a request comes with; None for the owner's, and where none is needed. Raises UNAUTHENTICATED, FORBIDDEN."""
        needed = _needed_scope(str(scope["path"]))
        if needed == "nothing":
            return None
        secret = _secret_in(scope)
        if secret and self._administration.administrator_token_is_valid(secret):
            return None
        account = self._administration.account(secret) if secret else None
        if account is None:
            self._refuse_keyless(needed, secret)
        elif needed != "any key" and needed not in account.policy.scopes:
            message = f"this key may do: {', '.join(account.policy.scopes)}; here it needs the scope {needed!r}"
            raise CrofterError(ErrorCode.FORBIDDEN, message)
        return account

    def _refuse_keyless(self, needed: KeyScope | Literal["any key"], secret: str) -> None:
        if needed == "admin":
            message = (
                "this needs the administrator token of the running node, or a key with the scope admin; use the CLI"
            )
            raise CrofterError(ErrorCode.UNAUTHENTICATED, message)
        if self._administration.keys_exist() or not self._loopback:
            problem = "the API key is not valid" if secret else "an API key is needed (Authorization: Bearer ...)"
            raise CrofterError(ErrorCode.UNAUTHENTICATED, f"{problem}; `crofter key create` makes one")


def _needed_scope(path: str) -> KeyScope | Literal["any key", "nothing"]:
    """What a key has to allow. What is not named here asks models, or is not there."""
    if path.startswith(ADMIN_PREFIX) or path.removeprefix("/ollama") in _ADMIN_PATHS:
        return "admin"
    if path in _OPEN_PATHS:
        return "nothing"
    return "any key" if path == "/metrics" else "inference"


def _secret_in(scope: Scope) -> str:
    """The key a client sent, if it is one that could be compared at all."""
    scheme, _, secret = next(iter(headers_named(scope, b"authorization")), "").partition(" ")
    if scheme.lower() != "bearer":
        secret = next(iter(headers_named(scope, b"x-api-key")), "")
    return secret.strip() if secret.isascii() else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()
