"""Connections that others dialled: let in or refused, one for each node, handed out in order. Shared by all transports."""

from math import inf
from typing import Generic, TypeVar

import anyio

from crofter.core import CrofterError, ErrorCode

from .transport import BindOptions, Connection

ConnectionT = TypeVar("ConnectionT", bound=Connection)

_REFUSED = "this node does not let you in"
_FULL = "this node has as many connections as it takes; try again later"
_REPLACED = "the same node has connected anew"


class Arrivals(Generic[ConnectionT]):
    """What `Endpoint.accept` hands out."""

    def __init__(self, options: BindOptions) -> None:
        self._admit = options.admit
        self._limit = options.maximum_connections
        self._open: dict[bytes, ConnectionT] = {}
        self._waiting, self._next = anyio.create_memory_object_stream[ConnectionT](inf)
        # Without a bound of its own: only open connections wait, at most `_limit`, and those that were replaced meanwhile, which
        # `offer` counts.

    @property
    def full(self) -> bool:
        """Whether one more node would be refused."""
        return len(self._open) >= self._limit

    def offer(self, connection: ConnectionT) -> None:
        """Hand out a connection whose peer is proven, or close it. A node that died and came back is heard only on its new one."""
        node_id = connection.remote_id
        if not self._admit(node_id):
            connection.close(CrofterError(ErrorCode.PEER_REFUSED, _REFUSED))
            return
        old = self._open.pop(node_id, None)
        if self.full or self._waiting.statistics().current_buffer_used >= 2 * self._limit:
            connection.close(CrofterError(ErrorCode.PEER_REFUSED, _FULL))
        else:
            self._open[node_id] = connection
            self._waiting.send_nowait(connection)
        if old is not None:
            old.close(CrofterError(ErrorCode.PEER_LOST, _REPLACED))

    def forget(self, connection: ConnectionT) -> None:
        """A connection has ended."""
        if self._open.get(connection.remote_id) is connection:
            del self._open[connection.remote_id]

    async def next(self) -> ConnectionT:
        """The next one that is still open. Raises SHUTTING_DOWN after `close`."""
        while True:
            try:
                connection = await self._next.receive()
            except (anyio.EndOfStream, anyio.ClosedResourceError):
                raise CrofterError(ErrorCode.SHUTTING_DOWN, "this node leaves the network") from None
            if self._open.get(connection.remote_id) is connection:
                return connection

    def close(self) -> None:
        """Hand out no more."""
        self._waiting.close()
        self._next.close()
