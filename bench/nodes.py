"""Nodes as they are but for their handlers, for the benches of the network: on loopback, trusting whoever comes."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio

from crofter.core import NodeId
from crofter.network import BindOptions, IrohTransport, Kind, PeerAddress, Peers, Rules


class Book:
    """Where others are."""

    def __init__(self, *known: PeerAddress) -> None:
        self._known = {peer.node_id: peer for peer in known}

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        return self._known.get(node_id)


@asynccontextmanager
async def node(
    number: int, handlers: Mapping[Kind[Any, Any], Callable[..., Any]], *known: PeerAddress
) -> AsyncGenerator[Peers]:
    """One that answers these kinds, while this is open; its key is made of the number."""
    peers = Peers(Rules(mode="private", standing=lambda _: "trusted"), [Book(*known)], tuple(handlers))
    for kind, handler in handlers.items():
        peers.serve(kind, handler)
    async with anyio.create_task_group() as tasks:
        ready = anyio.Event()
        seed = bytes([number]) * 32
        tasks.start_soon(partial(peers.run, IrohTransport(), seed, BindOptions(), ready=ready.set))
        await ready.wait()
        yield peers
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def two_nodes(handlers: Mapping[Kind[Any, Any], Callable[..., Any]]) -> AsyncGenerator[tuple[Peers, NodeId]]:
    """One that knows where the other is, and the other's id."""
    async with node(2, handlers) as other:
        there = PeerAddress(node_id=other.node_id, addresses=other.addresses())
        async with node(1, handlers, there) as one:
            yield one, other.node_id
