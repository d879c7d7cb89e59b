"""Nodes with their people and pools, on a network in memory."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from crofter.api import NewPerson
from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import BindOptions, MemoryNetwork, OwnNetwork, OwnRecord, Peers, Rules
from crofter.node.inviting import NodeInvites
from crofter.node.membership import Membership
from crofter.node.people import NodePeople
from crofter.node.pools import NodePools
from crofter.node.whereabouts import Whereabouts
from crofter.store import Database, InviteRecords, NetworkRecords, PeopleRecords, PoolRecords
from crofter.trust import Identity, InviteDesk, People, Pools, readable_id

PATIENCE_SECONDS = 30.0


class Neighbour:
    """One node and its owner's side."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        identity = Identity.make()
        self.identity = identity
        self.node_id = identity.node_id
        self.id = readable_id(self.node_id)
        database = Database.open(folder / f"{name}.db", bytes(32))
        self.groups = Pools(PoolRecords(database), identity)
        self.book = People(PeopleRecords(database), self.node_id, is_vouched_for=self.groups.is_member)
        self.whereabouts = Whereabouts(self.book)
        self.peers = Peers(Rules(mode="private", standing=self.book.standing), [self.whereabouts])
        self.people = NodePeople(self.book, self.node_id, self.peers, self.whereabouts, lambda: name, lambda: self.near)
        self.pools = NodePools(self.groups, self.book, self.node_id, self.peers)
        self.near: list[NodeId] = []
        networks = NetworkRecords(database)
        own_network = OwnNetwork(networks.secret())
        self.moved = self.ready = anyio.Event()
        self.membership = Membership(networks, own_network, self.rebind, self.people, self.peers, self.whereabouts)
        self.own = OwnRecord(identity, own_network, self.peers.addresses, lambda: None, time.time)
        desk = InviteDesk(self.book, InviteRecords(database))
        self.invites = NodeInvites(desk, self.peers, self.own)

    async def rebind(self) -> None:
        """Into its network of now."""
        self.ready = anyio.Event()
        self.moved.set()
        await self.ready.wait()

    def knows(self, *others: "Neighbour") -> None:
        """Where they are."""
        for other in others:
            self.whereabouts.say(other.node_id, other.peers.addresses())


@asynccontextmanager
async def street(*nodes: Neighbour) -> AsyncGenerator[MemoryNetwork]:
    """All of them on one network, knowing where the others are; nothing is told by itself unless a test runs it."""
    network = MemoryNetwork(public_key=lambda seed: Identity(seed).node_id)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with AsyncExitStack() as stack:
            for node in nodes:
                await stack.enter_async_context(on(network, node))
            for node in nodes:
                node.knows(*(other for other in nodes if other is not node))
            yield network


@asynccontextmanager
async def on(network: MemoryNetwork, node: Neighbour) -> AsyncGenerator[None]:
    """One node on the network while this is open."""
    node.ready = anyio.Event()
    async with anyio.create_task_group() as tasks:

        async def bind() -> None:
            options = BindOptions(network_secret=node.own.network.secret)
            await node.peers.run(network, node.identity.seed, options, ready=node.ready.set)

        async def run() -> None:
            while True:
                node.moved = anyio.Event()
                async with anyio.create_task_group() as bound:
                    bound.start_soon(bind)
                    await node.moved.wait()
                    bound.cancel_scope.cancel()

        tasks.start_soon(run)
        await node.ready.wait()
        yield
        tasks.cancel_scope.cancel()


async def paired(one: Neighbour, other: Neighbour) -> None:
    """Both owners have said yes."""
    await one.people.add(NewPerson(id=other.id))
    await other.people.accept(one.id)


async def refused(code: ErrorCode, call: Callable[[], Awaitable[object]]) -> str:
    with pytest.raises(CrofterError) as caught:
        await call()
    assert caught.value.code is code
    return caught.value.message


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - nothing tells when
        await anyio.sleep(0.005)
