"""One kept-alive HTTP connection to whoever is asked last; reading from it can be broken off from another thread.

The standard library's client and not httpx2: it takes a quarter of the processor time for a body, which is time of the process
that serves answers (docs/decisions/0006).
"""

import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, cast
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from .faults import unreachable

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
        self._socket: socket.socket | None = None
        self._through_proxy = False
        self._proxy_headers: dict[str, str] = {}

    def ask(self, url: str, headers: Mapping[str, str], method: Literal["GET", "HEAD"] = "GET") -> Reply:
        """Ask for an address; redirects are not followed. Raises TransientError or CrofterError."""
        self._finish_former()
        reused = self._http is not None and self._origin == _origin(url)
        try:
            return self._reply(url, headers, method)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            if not reused:
                raise unreachable(error, url) from error
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(error, url) from error
        # A kept connection that the server has closed meanwhile: that is no failure.
        try:
            return self._reply(url, headers, method)
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(error, url) from error

    def read(self, url: str) -> bytes:
        """The next bytes of the body as they come, empty at its end, be it too early. Raises TransientError."""
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
        waited_on = self._socket
        if waited_on is not None:
            with contextlib.suppress(OSError):
                # Not `waited_on.shutdown`: that of a TLS socket takes its state from under the reader.
                socket.socket.shutdown(waited_on, socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up."""
        response, self._response = self._response, None
        http_connection, self._http = self._http, None
        self._socket = None
        for each in (response, http_connection):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.close()

    def _finish_former(self) -> None:
        """A reply that was read to its end leaves the connection usable, any other does not."""
        response, self._response = self._response, None
        if response is not None and response.length == 0:
            response.close()
        elif response is not None and not response.isclosed():
            self.close()

    def _reply(self, url: str, headers: Mapping[str, str], method: str) -> Reply:
        origin = _origin(url)
        if self._http is None or self._origin != origin:
            self.close()
            self._http = self._connected(origin)
            self._origin = origin
        parts = urlsplit(url)
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        try:
            if self._http.sock is None:
                self._http.connect()
            # Kept here too: the library forgets a socket that the server will close, and reads on from it.
            self._socket = cast(socket.socket, self._http.sock)
            self._socket.settimeout(READ_TIMEOUT_SECONDS)
            place = url if self._through_proxy else target
            self._http.request(method, place, headers={**self._proxy_headers, **headers})
            self._response = self._http.getresponse()
        except BaseException:
            self.close()
            raise
        return Reply(self._response.status, {name.lower(): value for name, value in self._response.getheaders()})

    def _connected(self, origin: _Origin) -> http.client.HTTPConnection:
        proxy = "" if proxy_bypass(origin.host) else getproxies().get(origin.scheme, "")
        self._through_proxy = bool(proxy) and origin.scheme == "http"
        where = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
        credentials = _proxy_headers(where.username, where.password) if where else {}
        self._proxy_headers = credentials if self._through_proxy else {}
        host, port = (where.hostname or "", where.port) if where else (origin.host, origin.port)
        if origin.scheme == "https":
            secure = http.client.HTTPSConnection(
                host, port, timeout=CONNECT_TIMEOUT_SECONDS, context=self._trusted(), blocksize=READ_BYTES
            )
            if where:
                secure.set_tunnel(origin.host, origin.port, credentials)
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
