"""`/mcp`: streamable HTTP by the official SDK, which is loaded when the first client comes."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio

from crofter.api.asgi import Receive, Scope, Send
from crofter.api.services import Services
from crofter.api.settings import ApiSettings

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class McpEndpoint:
    """An ASGI app. Host, Origin and key were checked before; the SDK's own check of them, which knows only localhost, is off."""

    def __init__(self, settings: ApiSettings, make_server: "Callable[[], Server[Any]]") -> None:
        """`make_server` is called in a thread, once: it may import the SDK."""
        self._settings = settings
        self._make_server = make_server
        self._manager: StreamableHTTPSessionManager | None = None
        self._running: asyncio.Task[None] | None = None
        self._starting = anyio.Lock()
        """The first clients may come together, and a manager that has not begun yet answers nobody."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._starting:
            manager = self._manager or await self._start()
        await manager.handle_request(scope, receive, send)

    async def _start(self) -> "StreamableHTTPSessionManager":
        # Importing the SDK takes a second, and nobody else shall wait for it.
        manager = await anyio.to_thread.run_sync(self._new_manager)
        ready = anyio.Event()

        async def run() -> None:
            async with manager.run():
                ready.set()
                await anyio.sleep_forever()

        # Sessions outlive the request that opens them, so they have a task of their own; it ends with the loop, as the node does.
        self._running = asyncio.get_running_loop().create_task(run(), name="mcp sessions")
        await ready.wait()
        self._manager = manager
        return manager

    def _new_manager(self) -> "StreamableHTTPSessionManager":
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
        from mcp.server.transport_security import TransportSecuritySettings

        return StreamableHTTPSessionManager(
            self._make_server(),
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
            max_request_body_size=self._settings.max_body_bytes,
            max_sessions=self._settings.max_connections,
        )


def mcp_endpoint(services: Services) -> McpEndpoint:
    """The node's own tools and resources."""

    def make_server() -> "Server[Any]":
        from .server import mcp_server

        return mcp_server(services)

    return McpEndpoint(services.settings, make_server)
