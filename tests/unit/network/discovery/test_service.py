"""Discovery as a whole, on a network in memory: friends that return find each other, news travels, strangers are found by asking others."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import (
    PING,
    BindOptions,
    Caller,
    Discovery,
    MemoryNetwork,
    OwnNetwork,
    OwnRecord,
    Peers,
    Ping,
    Pong,
    Rules,
)
from crofter.network.plan import Mode
from crofter.store import Database, PeerRecords
from crofter.trust import Identity

pytestmark = pytest.mark.anyio
PATIENCE_SECONDS = 30.0


class Node:
    """One node that trusts whom it is told to."""

    def __init__(self, folder: Path, number: int, mode: Mode) -> None:
        self.identity = Identity(number.to_bytes(32))
        self.id = self.identity.node_id
        self.friends: set[NodeId] = set()
        self.database = Database.open(folder / f"{number}.db", bytes(32))
        rules = Rules(mode=mode, standing=lambda node_id: "trusted" if node_id in self.friends else "stranger")
        self.peers = Peers(rules, [])
        self.peers.serve(PING, self._answer)
        self.own = OwnRecord(self.identity, OwnNetwork(b""), self.peers.addresses, lambda: None, time.time)
        self.discovery = Discovery(
            self.peers, rules, self.own, PeerRecords(self.database), trusted=lambda: self.friends
        )

    async def ping(self, other: "Node") -> Pong:
        return await self.peers.call(other.id, PING, Ping(), insist=True)

    def hears_of(self, other: "Node") -> None:
        self.discovery.learn(other.own.content(), other.id)

    async def _answer(self, caller: Caller, _: Ping) -> Pong:
        return Pong(version="", seen_at=caller.address)


def mutual(*nodes: Node) -> None:
    for node in nodes:
        node.friends = {other.id for other in nodes if other is not node}


@asynccontextmanager
async def on(network: MemoryNetwork, *nodes: Node) -> AsyncGenerator[None]:
    async with anyio.create_task_group() as tasks:
        for node in nodes:
            ready = anyio.Event()

            async def run(node: Node = node, ready: anyio.Event = ready) -> None:
                await node.peers.run(
                    network, node.identity.seed, BindOptions(), ready=ready.set, beside=node.discovery.run
                )

            tasks.start_soon(run)
            await ready.wait()
        yield
        tasks.cancel_scope.cancel()


async def reached(node: Node, *others: Node) -> None:
    while not {other.id for other in others} <= {line.node_id for line in node.peers.lines()}:  # noqa: ASYNC110
        await anyio.sleep(0.01)


@pytest.fixture
def network() -> MemoryNetwork:
    return MemoryNetwork(public_key=lambda seed: Identity(seed).node_id)


async def test_friends_of_a_friend_who_are_ours_too_are_found(tmp_path: Path, network: MemoryNetwork) -> None:
    one, two, three = (Node(tmp_path, number, "private") for number in (1, 2, 3))
    mutual(one, two, three)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with on(network, one, two, three):
            two.hears_of(one)
            await reached(two, one)
            three.hears_of(one)
            await reached(three, one, two)


async def test_node_that_returns_finds_its_friends_by_its_cache(tmp_path: Path, network: MemoryNetwork) -> None:
    one, two = Node(tmp_path, 1, "private"), Node(tmp_path, 2, "private")
    mutual(one, two)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with on(network, one):
            async with on(network, two):
                two.hears_of(one)
                await reached(two, one)
            two.database.close()
            again = Node(tmp_path, 2, "private")
            again.friends = {one.id}
            async with on(network, again):
                await reached(again, one)
                # Its new address is known to its friend, who can ask it.
                while one.discovery.addresses_of(again.id) is None:  # noqa: ASYNC110 - nothing tells when
                    await anyio.sleep(0.01)


async def test_strangers_are_not_asked_nor_told_in_a_private_network(tmp_path: Path, network: MemoryNetwork) -> None:
    one, two = Node(tmp_path, 1, "private"), Node(tmp_path, 2, "private")
    with anyio.fail_after(PATIENCE_SECONDS):
        async with on(network, one, two):
            two.hears_of(one)
            await two.ping(one)
            await anyio.sleep(1.5)
            assert one.discovery.addresses_of(two.id) is None
            assert one.peers.counts.requests["peers", "in", "ok"] == 0
            with pytest.raises(CrofterError) as caught:
                await one.ping(Node(tmp_path, 3, "private"))
            assert caught.value.code is ErrorCode.PEER_UNREACHABLE


async def test_in_public_whoever_is_asked_for_is_looked_for(tmp_path: Path, network: MemoryNetwork) -> None:
    nodes = [Node(tmp_path, number, "public") for number in range(1, 9)]
    first, *others, last = nodes
    with anyio.fail_after(PATIENCE_SECONDS):
        async with on(network, *nodes):
            for node in (*others, last):
                node.hears_of(first)
            for node in (*others, last):
                await reached(node, first)
            await anyio.sleep(2)
            assert await last.ping(others[0])
            assert others[1].discovery.state().contacts > 1
            assert (await others[2].ping(last)).seen_at


async def test_mode_that_forbids_it_learns_nothing(tmp_path: Path, network: MemoryNetwork) -> None:
    one, two = Node(tmp_path, 1, "offline"), Node(tmp_path, 2, "offline")
    mutual(one, two)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with on(network, one, two):
            two.hears_of(one)
            await anyio.sleep(1.5)
            assert not two.peers.lines()
            assert "exchange" not in two.discovery.state().layers


async def test_in_another_network_nothing_is_known_of_the_one_before(tmp_path: Path, network: MemoryNetwork) -> None:
    one, two = Node(tmp_path, 1, "private"), Node(tmp_path, 2, "private")
    mutual(one, two)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with on(network, one):
            async with on(network, two):
                two.hears_of(one)
                await reached(two, one)
            two.own.network.secret = bytes([7]) * 32
            async with on(network, two):
                while two.discovery.state().remembered:  # noqa: ASYNC110 - nothing tells when
                    await anyio.sleep(0.01)
                two.hears_of(one)
                assert two.discovery.addresses_of(one.id) is None
            two.own.network.secret = b""
            async with on(network, two):
                await reached(two, one)
