"""Two connected nodes, on every transport there is."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple

import anyio
import pytest

from crofter.network import BindOptions, Connection, Endpoint, IrohTransport, MemoryNetwork, PeerAddress, Transport

PATIENCE_SECONDS = 20.0


@pytest.fixture(params=["memory", "iroh"])
def transport(request: pytest.FixtureRequest) -> Transport:
    return MemoryNetwork() if request.param == "memory" else IrohTransport()


class Pair(NamedTuple):
    """Two nodes and the two ends of their connection; the first has dialled."""

    one: Endpoint
    other: Endpoint
    dialled: Connection
    accepted: Connection


def secret(number: int) -> bytes:
    return bytes([number]) * 32


def address_of(endpoint: Endpoint) -> PeerAddress:
    return PeerAddress(node_id=endpoint.node_id, addresses=endpoint.addresses())


@asynccontextmanager
async def connected(
    transport: Transport, options: BindOptions | None = None, patience_seconds: float = PATIENCE_SECONDS
) -> AsyncGenerator[Pair]:
    """Node 1 has dialled node 2, which listens with these options."""
    with anyio.fail_after(patience_seconds):
        async with (
            transport.bind(secret(1), BindOptions()) as one,
            transport.bind(secret(2), options or BindOptions()) as other,
        ):
            dialled = await one.dial(address_of(other), 5.0)
            yield Pair(one, other, dialled, await other.accept())
