"""Real iroh endpoints that know nothing of each other but their ids and a relay."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.network import BindOptions, Connection, Endpoint, IrohTransport, PeerAddress
from crofter.trust import Identity
from tests.unit.network.conftest import PATIENCE_SECONDS
from tests.unit.network.peering import until
from tests.unit.network.relay.relaying import ONE, OTHER, STRANGER, Relay, serving

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def endpoint(relay: Relay, identity: Identity) -> AsyncGenerator[Endpoint]:
    async with IrohTransport().bind(identity.seed, BindOptions(relay_urls=(relay.url,))) as bound:
        yield bound


async def connected(bound: Endpoint) -> str:
    """Wait until the relay has taken it in."""
    while (url := await bound.relay()) is None:
        await anyio.lowlevel.checkpoint()
    return url


async def disconnected(bound: Endpoint) -> None:
    """Wait until it has noticed that the relay is gone: its end comes over a socket, after the relay's own."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while await bound.relay() is not None:
            await anyio.lowlevel.checkpoint()


async def echo(one: Connection, other: Connection, data: bytes) -> bytes:
    stream = await one.open_stream()
    await stream.write(data)
    await stream.finish()
    there = await other.accept_stream()
    while part := await there.read(65_536):
        await there.write(part)
    await there.finish()
    back = b""
    while part := await stream.read(65_536):
        back += part
    return back


async def test_nodes_that_share_only_a_relay_reach_each_other() -> None:
    async with serving(Relay()) as relay, endpoint(relay, ONE) as one, endpoint(relay, OTHER) as other:
        assert (await connected(one)).rstrip("/") == relay.url
        await connected(other)
        dialled = await one.dial(PeerAddress(node_id=other.node_id, relay_url=relay.url), 10.0)
        accepted = await other.accept()
        assert accepted.remote_id == one.node_id
        assert any(path.relayed for path in dialled.paths())
        assert relay.server.counts.passed > 0
        data = bytes(range(256)) * 400
        assert await echo(dialled, accepted, data) == data
        # Both are on this machine: they find the direct way by themselves.
        await until(lambda: any(path.selected and not path.relayed for path in dialled.paths()))
        assert await echo(dialled, accepted, data) == data


async def test_a_node_that_the_relays_owner_does_not_trust_is_not_carried() -> None:
    async with serving(Relay()) as relay, endpoint(relay, ONE) as one, endpoint(relay, STRANGER) as stranger:
        await connected(one)
        await until(lambda: relay.server.counts.refused > 0)
        with pytest.raises(CrofterError) as caught:
            await stranger.dial(PeerAddress(node_id=one.node_id, relay_url=relay.url), 0.5)
        assert caught.value.code is ErrorCode.PEER_UNREACHABLE
        assert await stranger.relay() is None
        assert relay.server.counts.clients == 1


async def test_a_relay_that_dies_is_noticed_and_used_again_when_it_is_back() -> None:
    first, again = Relay(), Relay()
    async with serving(first):
        first.server._wanted = again.server._wanted = first.server.addresses
        url = first.url
    async with IrohTransport().bind(ONE.seed, BindOptions(relay_urls=(url,))) as one:
        assert await one.relay() is None
        for relay in (first, again):
            async with serving(relay):
                await connected(one)
            await disconnected(one)
