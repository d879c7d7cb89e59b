"""Uvicorn on a socket of ours. The node owns signals and decides when to stop."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import msgspec
from anyio.abc import TaskStatus

from crofter.core import CrofterError, ErrorCode

from .asgi import App
from .settings import ApiSettings

if TYPE_CHECKING:
    import uvicorn

_BACKLOG = 1024


class BoundAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server listens; `port` is the real one even if 0 was asked for."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """For clients on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return (
            f"http://[{host}]:{self.port}" if ":" in host and not host.startswith("[") else f"http://{host}:{self.port}"
        )


class Server:
    """Serves one app on one address. `bind`, then `run` until `stop` or cancellation."""

    def __init__(self, app: App, settings: ApiSettings) -> None:
        self._app = app
        self._settings = settings
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None

    def bind(self) -> BoundAddress:
        """Take the address without answering yet. Raises CONFLICT if it is taken, CONFIG_INVALID if it is none of this machine."""
        settings = self._settings
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
        except OSError as error:
            raise CrofterError(
                ErrorCode.CONFIG_INVALID, f"api.host {settings.host!r} is no address: {error}"
            ) from error
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise _not_bound(settings, error) from error
        listener.setblocking(False)
        self._socket = listener
        return BoundAddress(host=str(listener.getsockname()[0]), port=int(listener.getsockname()[1]))

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Answer on the bound address; started when the first request can be accepted. Returns after `stop`."""
        import uvicorn

        from .protocol import BoundedProtocol

        if self._socket is None:
            raise RuntimeError("bind comes before run")
        settings = self._settings

        class QuietServer(uvicorn.Server):
            @contextmanager
            def capture_signals(self) -> Generator[None]:
                yield

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                task_status.started()

        class Protocol(BoundedProtocol):
            request_seconds = settings.body_timeout_seconds

        config = uvicorn.Config(
            self._app,
            http=Protocol,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            limit_concurrency=settings.max_connections + 1,  # uvicorn refuses the one that reaches it.
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )
        self._server = QuietServer(config)
        with self._socket:
            await self._server.serve([self._socket])

    def stop(self) -> None:
        """Stop accepting and let open requests finish within the limit; `run` then returns."""
        if self._server is not None:
            self._server.should_exit = True


def _not_bound(settings: ApiSettings, error: OSError) -> CrofterError:
    import errno

    place = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return CrofterError(
            ErrorCode.CONFLICT,
            f"{place} is taken: another program listens there. `crofter up --port 0` takes a free port.",
        )
    return CrofterError(ErrorCode.CONFIG_INVALID, f"cannot listen on {place}: {error.strerror}")
