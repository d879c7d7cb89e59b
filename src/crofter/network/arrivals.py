"""Connections that others dialled: let in or refused, one for each node, handed out in order. Shared by all transports."""

from typing import Generic, TypeVar

import anyio

from crofter.core import CrofterError, ErrorCode, NodeId

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
        self._open: dict[NodeId, ConnectionT] = {}
        self._waiting: dict[NodeId, ConnectionT] = {}
        """Those of the open ones that nobody has taken yet."""
        self._changed = anyio.Event()
        self._closed = False

    def offer(self, connection: ConnectionT) -> None:
        """Hand out a connection whose peer is proven, or close it. A node that died and came back is heard only on its new one."""
        node_id = connection.remote_id
        if not self._admit(node_id):
            connection.close(CrofterError(ErrorCode.PEER_REFUSED, _REFUSED))
            return
        old = self._open.pop(node_id, None)
        if len(self._open) >= self._limit:
            connection.close(CrofterError(ErrorCode.PEER_REFUSED, _FULL))
            return
        self._open[node_id] = self._waiting[node_id] = connection
        self._changed.set()
        if old is not None:
            old.close(CrofterError(ErrorCode.PEER_LOST, _REPLACED))

    def forget(self, connection: ConnectionT) -> None:
        """A connection has ended."""
        for connections in (self._open, self._waiting):
            if connections.get(connection.remote_id) is connection:
                del connections[connection.remote_id]

    async def next(self) -> ConnectionT:
        """The next one that is still open. One task at a time. Raises SHUTTING_DOWN after `close`."""
        while not self._waiting or self._closed:
            if self._closed:
                raise CrofterError(ErrorCode.SHUTTING_DOWN, "this node leaves the network")
            self._changed = anyio.Event()
            await self._changed.wait()
        return self._waiting.pop(next(iter(self._waiting)))

    def close(self) -> None:
        """Hand out no more."""
        self._closed = True
        self._changed.set()
