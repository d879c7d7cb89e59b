"""`/mcp`: streamable HTTP by the official SDK, which is loaded when the first client comes."""

import asyncio
from typing import TYPE_CHECKING

import anyio

from crofter.api.asgi import Receive, Scope, Send
from crofter.api.services import Services

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class McpEndpoint:
    """An ASGI app. Host, Origin and key were checked before; the SDK's own check of them, which knows only localhost, is off."""

    def __init__(self, services: Services) -> None:
        self._services = services
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
        manager = await anyio.to_thread.run_sync(_manager, self._services)
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


def _manager(services: Services) -> "StreamableHTTPSessionManager":
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecuritySettings

    from .server import mcp_server

    return StreamableHTTPSessionManager(
        mcp_server(services),
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=services.settings.max_body_bytes,
        max_sessions=services.settings.max_connections,
    )
