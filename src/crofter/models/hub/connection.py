"""One kept-alive HTTP connection to whoever is asked last; reading from it can be broken off from another thread.

The standard library's client and not httpx2: it takes a quarter of the processor time for a body, which is time of the process
that serves answers (docs/decisions/0007).
"""

import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from .faults import Transient, unreachable

CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 30.0
READ_BYTES = 1 << 18

TrustedCertificates = Callable[[], ssl.SSLContext]


class Reply(NamedTuple):
    """A reply whose body waits to be read with `Connection.read`."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int | None


class Connection:
    """Used by one thread; `interrupt` may be called by any."""

    def __init__(self, trusted: TrustedCertificates) -> None:
        self._trusted = trusted
        self._http: http.client.HTTPConnection | None = None
        self._origin: _Origin | None = None
        self._response: http.client.HTTPResponse | None = None
        self._through_proxy = False

    def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Ask for an address; redirects are not followed. Raises Transient or CrofterError."""
        self._finish_former()
        reused = self._http is not None and self._origin == _origin(url)
        try:
            return self._ask(url, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            if not reused:
                raise unreachable(error, url) from error
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(error, url) from error
        # A kept connection that the server has closed meanwhile: that is no failure.
        try:
            return self._ask(url, headers)
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(error, url) from error

    def read(self, url: str) -> bytes:
        """The next bytes of the body as they come, empty at its end, be it too early. Raises Transient."""
        if self._response is None:
            return b""
        try:
            return self._response.read1(READ_BYTES)
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # The last two are what the library makes of a socket that `interrupt` took from under it.
            problem = error if isinstance(error, OSError | http.client.HTTPException) else ConnectionAbortedError()
            self.close()
            raise unreachable(problem, url) from error

    def interrupt(self) -> None:
        """Wake a thread that waits for this connection; it sees an end or an error."""
        http_connection = self._http
        plain = http_connection.sock if http_connection is not None else None
        if plain is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(plain, socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up."""
        response, self._response = self._response, None
        http_connection, self._http = self._http, None
        for each in (response, http_connection):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.close()

    def _finish_former(self) -> None:
        """A reply that was read to its end leaves the connection usable, any other does not."""
        if self._response is not None and not self._response.isclosed():
            self.close()
        self._response = None

    def _ask(self, url: str, headers: Mapping[str, str]) -> Reply:
        origin = _origin(url)
        if self._http is None or self._origin != origin:
            self.close()
            self._http = self._connected(origin)
            self._origin = origin
        parts = urlsplit(url)
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        try:
            self._http.request("GET", url if self._through_proxy else target, headers=dict(headers))
            if self._http.sock is not None:
                self._http.sock.settimeout(READ_TIMEOUT_SECONDS)
            self._response = self._http.getresponse()
        except BaseException:
            self.close()
            raise
        return Reply(self._response.status, {name.lower(): value for name, value in self._response.getheaders()})

    def _connected(self, origin: _Origin) -> http.client.HTTPConnection:
        proxy = "" if proxy_bypass(origin.host) else getproxies().get(origin.scheme, "")
        self._through_proxy = bool(proxy) and origin.scheme == "http"
        where = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
        host, port = (where.hostname or "", where.port) if where else (origin.host, origin.port)
        if origin.scheme == "https":
            secure = http.client.HTTPSConnection(
                host, port, timeout=CONNECT_TIMEOUT_SECONDS, context=self._trusted(), blocksize=READ_BYTES
            )
            if where:
                secure.set_tunnel(origin.host, origin.port, _proxy_headers(where.username, where.password))
            return secure
        return http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT_SECONDS, blocksize=READ_BYTES)


def _origin(url: str) -> _Origin:
    parts = urlsplit(url)
    return _Origin(parts.scheme, parts.hostname or "", parts.port)


def _proxy_headers(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    import base64

    secret = base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {secret}"}


__all__ = ["Connection", "Reply", "Transient", "TrustedCertificates"]
