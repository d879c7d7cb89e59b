"""The composition root: makes every part bottom up, hands each what it needs, and stops them top down."""

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import closing

import anyio
from anyio.abc import TaskGroup

from crofter.api import Server, create_app
from crofter.core import CrofterError

from .adapters import adapter_files
from .administration import NodeAdministration
from .config import LoadedConfig
from .home import RunningNode
from .media_fetching import MediaFetcher
from .parts import Parts
from .release import crofter_version

_logger = logging.getLogger("crofter.node")


class Node:
    """The parts with the HTTP server on top. The home must be prepared and locked by the caller."""

    def __init__(self, parts: Parts, loaded: LoadedConfig, flags: Mapping[str, object]) -> None:
        """Wire the server; nothing runs yet. The node closes the parts' database when it has run."""
        settings = loaded.config.api
        self._parts = parts
        self._administration = NodeAdministration(parts, loaded, flags)
        adapters = adapter_files(parts.home.adapters_folder)
        fetch_media = MediaFetcher().fetch if settings.fetch_media_urls else None
        app = create_app(parts.router, self._administration, settings, adapters, fetch_media)
        self._server = Server(app, settings)
        self._drain_seconds = settings.shutdown_seconds
        if not settings.loopback and parts.keys.empty:
            _logger.warning(
                "other machines can reach this node, and need an API key; make one with `crofter key create NAME`"
            )

    async def run(self, announce: Callable[[str, str], None] | None) -> None:
        """Serve until SIGTERM, SIGINT or `Administration.shut_down`; then let answers finish, within bounds.

        `announce(url, default model)` is called when requests can be answered.
        """
        with closing(self._parts.database), closing(self._parts.keys):
            address = self._server.bind()
            async with self._parts.engine, self._parts.providers, anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch_signals, tasks.cancel_scope, name="signals")
                tasks.start_soon(self._finish_installations, name="interrupted installations")
                tasks.start_soon(self._parts.keys.save_regularly, name="usage of keys")
                await self._serve(address.url, announce, tasks)
                tasks.cancel_scope.cancel()
            _logger.info("node stopped")

    async def _serve(self, url: str, announce: Callable[[str, str], None] | None, background: TaskGroup) -> None:
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._server.run, name="http server")
            running = RunningNode(
                pid=os.getpid(),
                url=url,
                administrator_token=self._administration.token,
                started_at=time.time(),
                version=crofter_version(),
            )
            self._administration.announce(running)
            with self._parts.home.announced(running):
                _logger.info("node started", extra={"url": url, "version": running.version})
                if announce is not None:
                    announce(url, self._administration.default_model())
                background.start_soon(self._administration.network.presence.run, name="network")
                background.start_soon(self._administration.people.run, name="people")
                background.start_soon(self._administration.pools.run, name="pools")
                await self._administration.stopping.wait()
            cancelled = await self._parts.router.drain(self._drain_seconds)
            if cancelled:
                _logger.warning("answers were cut short by the stop", extra={"requests": cancelled})
            self._server.stop()

    async def _finish_installations(self) -> None:
        """What was being installed when the last run ended is installed now, beside everything else."""
        try:
            await anyio.to_thread.run_sync(self._parts.registry.finish, abandon_on_cancel=True)
        except CrofterError as error:
            _logger.warning("an interrupted installation could not be finished", extra={"reason": error.message})

    async def _watch_signals(self, scope: anyio.CancelScope) -> None:
        """The first signal stops the node in order, the second at once."""
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                if self._administration.stopping.is_set():
                    scope.cancel()
                    return
                self._administration.shut_down()
