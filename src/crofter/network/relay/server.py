"""Serves a relay: listens, and looks after its connections."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_address
from typing import TYPE_CHECKING

import anyio

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network.addresses import join_address, split_address

from .plan import MOST_UNPROVEN, Budget, RelayRules
from .switch import RelayCounts, Switch

if TYPE_CHECKING:
    from .connection import RelayConnection

_logger = logging.getLogger("crofter.network")

_REVIEW_SECONDS = 2.0
_BACKLOG = 128


class RelayServer:
    """Listens while `run` runs."""

    def __init__(
        self, own_id: NodeId, addresses: tuple[str, ...], rules: RelayRules, observer: Callable[[], bytes]
    ) -> None:
        """`addresses` are `ip:port` or `[ip]:port`. `observer` gives what `GET /observer` says: JSON, for everybody."""
        self.counts = RelayCounts()
        self.addresses: tuple[str, ...] = ()
        """Where it listens now."""
        self._wanted = addresses
        self._own_id = own_id
        self._rules = rules
        self._observer = observer

    async def run(self, *, ready: Callable[[], object] = lambda: None) -> None:
        """Serve until cancelled. Raises CONFLICT if an address is taken, CONFIG_INVALID if it cannot be used."""
        # Here, so that only a node that serves a relay loads WebSockets.
        from .connection import RelayConnection, RelayDesk

        loop = asyncio.get_running_loop()
        switch = Switch(self._own_id, self._rules, self.counts)
        budget = Budget(self._rules.bytes_per_second, loop.time)
        desk = RelayDesk(switch, budget, self.counts, self._observer)

        def connection() -> RelayConnection:
            self._make_room(desk.unproven())
            return RelayConnection(desk)

        with ExitStack() as listening:
            listeners = [listening.enter_context(_listener(address)) for address in self._wanted]
            for listener in listeners:
                listening.callback((await loop.create_server(connection, sock=listener)).close)
            self.addresses = tuple(map(_address, listeners))
            _logger.info("a relay is served", extra={"addresses": self.addresses})
            ready()
            try:
                while True:
                    await anyio.sleep(_REVIEW_SECONDS)
                    switch.review()
                    for each in list(desk.open):
                        each.review()
            finally:
                self.addresses = ()
                for each in list(desk.open):
                    each.farewell()

    def _make_room(self, unproven: "list[RelayConnection]") -> None:
        """Who has not said who he is goes when others come: honest ones need milliseconds for it."""
        if len(unproven) >= MOST_UNPROVEN:
            self.counts.refused += 1
            unproven[0].end()


def _listener(address: str) -> socket.socket:
    host, port = split_address(address)
    listener = socket.socket(socket.AF_INET6 if host.version == 6 else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if host.version == 6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((str(host), port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            message = f"the relay's address {address} is taken by another program"
            raise CrofterError(ErrorCode.CONFLICT, message) from error
        message = f"the relay cannot listen on {address}: {error.strerror}"
        raise CrofterError(ErrorCode.CONFIG_INVALID, message) from error
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return join_address(ip_address(host), port)
