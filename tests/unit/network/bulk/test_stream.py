"""Bulk between nodes in memory, in virtual time: who does not say what it has taken gets no more, and long lines are used."""

import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.network import Conditions, MemoryNetwork, Stream, framed
from crofter.network.bulk.plan import SMALLEST_BYTES
from crofter.network.encoding import encoded
from crofter.network.plan import frame_seconds
from tests.unit.network.peering import COUNT, ECHO, TENSORS, Node, Say, opening, outcomes, raw, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]
PATIENCE = 1e6


@asynccontextmanager
async def asked(network: MemoryNetwork, node: Node) -> AsyncGenerator[Stream]:
    """A stream on which somebody has asked the node for a lot."""
    async with raw(network, node) as connection:
        stream = await connection.open_stream()
        await stream.write(opening("tensors", 3600.0) + framed(encoded(Say(count=100))))
        yield stream


async def read_until_silent(stream: Stream) -> int:
    """Take what comes, and acknowledge nothing. How many bytes that was."""
    size_bytes = 0
    while True:
        with anyio.move_on_after(5.0) as silence:
            size_bytes += len(await stream.read(2**20))
        if silence.cancelled_caught:
            return size_bytes


async def test_who_acknowledges_nothing_gets_one_window_and_is_given_up() -> None:
    network, node, friend = MemoryNetwork(), Node(1), Node(2)
    async with running(network, node, friend, patience_seconds=PATIENCE):
        began = anyio.current_time()
        async with asked(network, node) as stream:
            assert await read_until_silent(stream) == SMALLEST_BYTES
            assert await friend.peers.call(node.id, ECHO, Say("meanwhile")) == Say("meanwhile")
            await until(lambda: bool(outcomes(node).get(("tensors", "in", "peer_too_slow"))), seconds=1_000)
        assert anyio.current_time() - began <= frame_seconds(TENSORS.most_bytes) + 10
        assert node.produced == 1


@pytest.mark.parametrize("taken_bytes", [(SMALLEST_BYTES + 1,), (2**64 - 1,), (4_000, 4_000), (4_000, 3_999), (0,)])
async def test_who_acknowledges_what_cannot_be_is_given_up_at_once(taken_bytes: tuple[int, ...]) -> None:
    network, node = MemoryNetwork(), Node(1)
    async with running(network, node, patience_seconds=PATIENCE), asked(network, node) as stream:
        await read_until_silent(stream)
        await stream.write(b"".join(struct.pack("!Q", each) for each in taken_bytes))
        await until(lambda: outcomes(node) == {("tensors", "in", "peer_failed"): 1}, seconds=1)


async def test_acknowledgements_may_come_in_pieces() -> None:
    network, node = MemoryNetwork(), Node(1)
    async with running(network, node, patience_seconds=PATIENCE), asked(network, node) as stream:
        taken_bytes = await read_until_silent(stream)
        for byte in struct.pack("!Q", taken_bytes):
            await stream.write(bytes([byte]))
            await anyio.sleep(1)
        assert await read_until_silent(stream) >= taken_bytes


async def test_only_bulk_is_acknowledged() -> None:
    """On its side of any other stream the asker stays silent: a node that knows nothing of acknowledgements would take them for a fault."""
    network, one, other = MemoryNetwork(), Node(1), Node(2)
    async with running(network, one, other, patience_seconds=PATIENCE):
        numbers = one.peers.stream(other.id, COUNT, Say(count=5_000), timeout_seconds=600)
        assert [reply.count async for reply in numbers] == list(range(5_000))
        assert outcomes(other) == {("count", "in", "ok"): 1}


async def test_long_line_is_used() -> None:
    """The smallest window would take 200 s; whoever is never held back, 0.2 s."""
    network, one, other = MemoryNetwork(), Node(1), Node(2)
    async with running(network, one, other, patience_seconds=PATIENCE):
        await one.peers.call(other.id, ECHO, Say())
        network.set_link(one.id, other.id, Conditions(delay_seconds=0.1))
        began = anyio.current_time()
        async for _ in one.peers.stream(other.id, TENSORS, Say(count=16), timeout_seconds=600):
            pass
        assert anyio.current_time() - began < 10


async def test_receiver_who_pauses_within_reason_gets_the_rest() -> None:
    one, other = Node(1), Node(2)
    async with running(MemoryNetwork(), one, other, patience_seconds=PATIENCE):
        sizes: list[int] = []
        async for item in one.peers.stream(other.id, TENSORS, Say(count=5), timeout_seconds=600):
            sizes.append(len(item))
            await anyio.sleep(15)
        assert sizes == [TENSORS.most_bytes] * 5


async def test_deadline_of_bulk_ends_both_sides() -> None:
    one, other = Node(1), Node(2)
    async with running(MemoryNetwork(), one, other, patience_seconds=PATIENCE):
        tensors = one.peers.stream(other.id, TENSORS, Say(count=10**6), timeout_seconds=3)
        await anext(tensors)
        await anyio.sleep(3)
        with pytest.raises(CrofterError) as caught:
            await anext(tensors)
        assert caught.value.code is ErrorCode.TIMED_OUT
        await until(lambda: not any(line.busy for line in other.peers.lines()))
