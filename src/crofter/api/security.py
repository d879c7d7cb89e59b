"""Who may ask: exact Host and Origin, then keys. Web pages can reach loopback too, so this holds there as well."""

import ipaddress

from crofter.core import CrofterError, ErrorCode

from .administration import Administration
from .asgi import App, Message, Receive, Scope, Send, headers_named
from .replies import JsonReply
from .settings import ApiSettings

ADMIN_PREFIX = "/crofter/"
_ADMIN_PATHS = frozenset({"/api/pull", "/api/delete"})
"""What changes the node by Ollama's dialect."""
_OPEN_PATHS = frozenset({"/", "/health", "/health/ready"})
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_PREFLIGHT_HEADERS = [
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, x-api-key, x-request-id"),
    (b"access-control-max-age", b"600"),
]


class Security:
    """Refuses what may not pass: FORBIDDEN for a foreign Host or Origin, UNAUTHENTICATED for a missing or wrong key."""

    def __init__(self, app: App, administration: Administration, settings: ApiSettings) -> None:
        self._app = app
        self._administration = administration
        self._settings = settings
        self._hosts: dict[tuple[str, int], frozenset[str]] = {}
        """By the socket that requests came in by; a machine has few."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = self._checked_host(scope)
        origin = self._checked_origin(scope, host)
        if origin is None:
            self._check_key(scope)
            await self._app(scope, receive, send)
            return

        async def send_to_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                allowed = (b"access-control-allow-origin", origin.encode("latin-1"))
                message["headers"] = [*message["headers"], allowed, (b"vary", b"origin")]
            await send(message)

        if scope["method"] == "OPTIONS":
            await JsonReply(b"", headers=_PREFLIGHT_HEADERS)(scope, receive, send_to_origin)
            return
        self._check_key(scope)
        await self._app(scope, receive, send_to_origin)

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

    def _check_key(self, scope: Scope) -> None:
        path = str(scope["path"])
        secret = _secret_in(scope)
        if path.startswith(ADMIN_PREFIX) or path.removeprefix("/ollama") in _ADMIN_PATHS:
            if not (secret and self._administration.administrator_token_is_valid(secret)):
                raise CrofterError(
                    ErrorCode.UNAUTHENTICATED, "this needs the administrator token of the running node; use the CLI"
                )
            return
        if path in _OPEN_PATHS or not (self._administration.keys_exist() or not self._settings.loopback):
            return
        if secret and (
            self._administration.administrator_token_is_valid(secret) or self._administration.key_is_valid(secret)
        ):
            return
        problem = "the API key is not valid" if secret else "an API key is needed (Authorization: Bearer ...)"
        raise CrofterError(ErrorCode.UNAUTHENTICATED, f"{problem}; `crofter key create` makes one")


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
