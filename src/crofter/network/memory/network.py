"""A network in memory: who listens where, and what the links between nodes are like. The same seed gives the same chances."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from itertools import count
from random import Random

import anyio

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network.arrivals import Arrivals
from crofter.network.protocol import OTHER_PROTOCOL, protocol_name
from crofter.network.transport import BindOptions, PeerAddress

from .connection import MemoryConnection
from .link import Conditions, Link


def _hashed(secret_key: bytes) -> NodeId:
    return NodeId(sha256(secret_key).digest())


_REPEATED_SECONDS = 1.0
"""A first packet that nobody answers is sent again after so long, as QUIC's is."""


class MemoryNetwork:
    """A Transport. `public_key` makes a node's id of its secret; the default only makes ids that differ."""

    def __init__(self, *, seed: int = 0, public_key: Callable[[bytes], NodeId] = _hashed) -> None:
        self._chance = Random(seed)  # noqa: S311 - losses in a simulation
        self._public_key = public_key
        self._addresses = count(1)
        self._listening: dict[str, MemoryEndpoint] = {}
        self._links: dict[frozenset[NodeId], Link] = {}

    @asynccontextmanager
    async def bind(self, secret_key: bytes, options: BindOptions) -> AsyncGenerator["MemoryEndpoint"]:
        if not options.addresses:
            raise CrofterError(ErrorCode.CONFIG_INVALID, "the node has no address to listen on")
        addresses = tuple(self._address(wanted) for wanted in options.addresses)
        taken = self._listening.keys() & set(addresses)
        if taken:
            raise CrofterError(ErrorCode.CONFLICT, f"{', '.join(sorted(taken))} is taken")
        endpoint = MemoryEndpoint(self, self._public_key(secret_key), addresses, options)
        self._listening |= dict.fromkeys(addresses, endpoint)
        try:
            yield endpoint
        finally:
            for address in addresses:
                del self._listening[address]
            endpoint.close()

    def link(self, one: NodeId, other: NodeId) -> Link:
        """What is between two nodes."""
        pair = frozenset((one, other))
        if pair not in self._links:
            self._links[pair] = Link(self._chance)
        return self._links[pair]

    def set_link(self, one: NodeId, other: NodeId, conditions: Conditions) -> None:
        """From now on the link between these nodes is like this."""
        self.link(one, other).change(conditions)

    def listener(self, address: str) -> "MemoryEndpoint | None":
        """Who listens there."""
        return self._listening.get(address)

    def _address(self, wanted: str) -> str:
        """The address itself, or an invented one for port 0."""
        if not wanted.endswith(":0"):
            return wanted
        number = next(self._addresses)
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:4433"


class MemoryEndpoint:
    """A node on a MemoryNetwork."""

    def __init__(
        self, network: MemoryNetwork, node_id: NodeId, addresses: tuple[str, ...], options: BindOptions
    ) -> None:
        self.node_id = node_id
        self._network = network
        self._network_secret = options.network_secret
        self._addresses = addresses
        self._announced: tuple[str, ...] = ()
        self._arrivals: Arrivals[MemoryConnection] = Arrivals(options)
        self._connections: set[MemoryConnection] = set()

    def addresses(self) -> tuple[str, ...]:
        return (*self._addresses, *self._announced)

    async def dial(self, peer: PeerAddress, timeout_seconds: float) -> MemoryConnection:
        if not peer.addresses or peer.node_id == self.node_id:
            raise CrofterError(ErrorCode.PEER_UNREACHABLE, "no address of the peer is known")
        with anyio.move_on_after(timeout_seconds):
            while True:
                for address in peer.addresses:
                    there = self._network.listener(address)
                    if there is not None and self._network.link(self.node_id, there.node_id).conditions.up:
                        return await self._shake_hands(there, peer, address)
                await anyio.sleep(_REPEATED_SECONDS)
        raise CrofterError(ErrorCode.PEER_UNREACHABLE, f"the peer did not answer within {timeout_seconds:g} s")

    async def announce(self, addresses: tuple[str, ...]) -> None:
        self._announced = addresses

    async def relay(self) -> str | None:
        """There are none in memory."""
        return None

    async def accept(self) -> MemoryConnection:
        return await self._arrivals.next()

    def close(self) -> None:
        """End all connections."""
        self._arrivals.close()
        for connection in list(self._connections):
            connection.close()

    async def _shake_hands(self, there: "MemoryEndpoint", peer: PeerAddress, address: str) -> MemoryConnection:
        link = self._network.link(self.node_id, there.node_id)
        await anyio.sleep(2 * link.conditions.delay_seconds)
        if not link.conditions.up or self._network.listener(address) is not there:
            await anyio.sleep_forever()
        if self._protocol(peer.node_id) != there._protocol(there.node_id):
            raise CrofterError(ErrorCode.PEER_UNREACHABLE, OTHER_PROTOCOL)
        if there.node_id != peer.node_id:
            raise CrofterError(ErrorCode.PEER_UNREACHABLE, "another node answers at the peer's address")
        here_end = MemoryConnection(there.node_id, address, link, self._forget)
        there_end = MemoryConnection(self.node_id, self._addresses[0], link, there._forget)
        here_end.join(there_end)
        self._connections.add(here_end)
        there._connections.add(there_end)
        there._arrivals.offer(there_end)
        return here_end

    def _protocol(self, node_id: NodeId) -> bytes:
        return protocol_name(self._network_secret, node_id)

    def _forget(self, connection: MemoryConnection) -> None:
        self._connections.discard(connection)
        self._arrivals.forget(connection)
