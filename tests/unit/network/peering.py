"""Nodes that serve and ask, on any transport, with a table of messages of the tests' own."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import anyio
import msgspec
import pytest

from crofter.core import CrofterError, NodeId
from crofter.network import (
    BULK,
    BindOptions,
    Caller,
    Connection,
    Kind,
    Liveness,
    Mode,
    PeerAddress,
    Peers,
    Rules,
    StreamKind,
    Transport,
    Who,
    framed,
)
from crofter.network.kinds import Direction
from crofter.trust import Standing
from tests.unit.network.conftest import PATIENCE_SECONDS, secret


class Say(msgspec.Struct):
    text: str = ""
    count: int = 0


def kind(name: str, who: Who = "anyone", per_minute: int = 100_000, bytes_per_minute: int = 0) -> Kind[Say, Say]:
    return Kind(
        name=name,
        request=Say,
        reply=Say,
        who=who,
        most_bytes=10_000,
        per_minute=per_minute,
        bytes_per_minute=bytes_per_minute,
        repeatable=name == "again",
    )


ECHO, FAIL, WAIT = kind("echo"), kind("fail"), kind("wait")
RARE, COSTLY = kind("rare", per_minute=8), kind("costly", bytes_per_minute=4_000)
PUBLIC, TRUSTED = kind("public", "public"), kind("trusted", "trusted")
MUTE, AGAIN = kind("mute"), kind("again")
COUNT = StreamKind(name="count", request=Say, reply=Say, who="anyone", most_bytes=1_000, per_minute=10_000)
TENSORS = StreamKind(
    name="tensors", request=Say, reply=bytes, who="anyone", most_bytes=2**20, per_minute=10_000, priority=BULK
)
KINDS = (ECHO, FAIL, WAIT, RARE, COSTLY, PUBLIC, TRUSTED, MUTE, AGAIN, COUNT, TENSORS)


class Book:
    """Where nodes are."""

    def __init__(self) -> None:
        self.addresses: dict[NodeId, tuple[str, ...]] = {}

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        addresses = self.addresses.get(node_id)
        return None if addresses is None else PeerAddress(node_id=node_id, addresses=addresses)


class Node:
    """One node, and what its handlers saw."""

    def __init__(self, number: int, mode: Mode = "private") -> None:
        self.secret = secret(number)
        self.id = NodeId(b"")
        self.book = Book()
        self.standings: dict[NodeId, Standing] = {}
        self.callers: list[Caller] = []
        self.produced = 0
        self.ended = anyio.Event()
        self.waiting = anyio.Event()
        self.peers = Peers(Rules(mode=mode, standing=self.standing), [self.book], KINDS)
        for each in (ECHO, AGAIN, RARE, COSTLY, PUBLIC, TRUSTED):
            self.peers.serve(each, self.echo)
        self.peers.serve(FAIL, self.fail)
        self.peers.serve(WAIT, self.wait)
        self.peers.serve(COUNT, self.count)
        self.peers.serve(TENSORS, self.tensors)

    def standing(self, node_id: NodeId) -> Standing:
        return self.standings.get(node_id, "stranger")

    async def echo(self, caller: Caller, request: Say) -> Say:
        self.callers.append(caller)
        return request

    async def fail(self, caller: Caller, request: Say) -> Say:
        raise KeyError("a secret of this node")

    async def wait(self, caller: Caller, request: Say) -> Say:
        self.waiting.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.ended.set()
        raise AssertionError

    async def count(self, caller: Caller, request: Say) -> AsyncGenerator[Say]:
        try:
            for number in range(request.count):
                self.produced += 1
                yield Say(count=number)
            if request.text == "then wait":
                await anyio.sleep_forever()
        finally:
            self.ended.set()

    async def tensors(self, caller: Caller, request: Say) -> AsyncGenerator[bytes]:
        for number in range(request.count):
            self.produced += 1
            yield bytes([number % 256]) * TENSORS.most_bytes


@asynccontextmanager
async def running(
    transport: Transport, *nodes: Node, patience_seconds: float = PATIENCE_SECONDS
) -> AsyncGenerator[None]:
    """These nodes are on the network and know where the others are."""
    with anyio.fail_after(patience_seconds):
        async with AsyncExitStack() as stack:
            for node in nodes:
                tasks = await stack.enter_async_context(anyio.create_task_group())
                stack.callback(tasks.cancel_scope.cancel)
                ready = anyio.Event()
                tasks.start_soon(partial(node.peers.run, transport, node.secret, BindOptions(), ready=ready.set))
                await ready.wait()
            for node in nodes:
                node.id = node.peers.node_id
            for node in nodes:
                node.book.addresses = {other.id: other.peers.addresses() for other in nodes if other is not node}
            yield


def opening(kind: str = "echo", seconds: float = 5.0) -> bytes:
    return framed(msgspec.msgpack.encode([kind, seconds]))


@asynccontextmanager
async def raw(transport: Transport, node: Node, number: int = 9) -> AsyncGenerator[Connection]:
    """A connection to the node of somebody who sends what he likes."""
    async with transport.bind(secret(number), BindOptions()) as endpoint:
        there = PeerAddress(node_id=node.id, addresses=node.peers.addresses())
        connection = await endpoint.dial(there, 10.0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Liveness(connection).run)
            yield connection
            tasks.cancel_scope.cancel()


def outcomes(node: Node) -> dict[tuple[str, Direction, str], int]:
    """How many requests ended how."""
    return dict(node.peers.counts.requests)


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait for something that happens in another task."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells when
            await anyio.sleep(0.005)


async def refused(call: Awaitable[object]) -> CrofterError:
    with pytest.raises(CrofterError) as caught:
        await call
    return caught.value
