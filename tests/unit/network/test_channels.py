"""Channels between nodes, on every transport: frames both ways, ended by either side, and refused where requests are."""

import anyio
import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import Channel, Conditions, FrameReader, MemoryNetwork, Transport, framed
from tests.unit.network.peering import TALK, Node, Say, opening, outcomes, raw, running, until

pytestmark = pytest.mark.anyio


async def refused(node: Node, there: NodeId, request: Say) -> CrofterError:
    """What the first `receive` on such a channel raises."""
    with pytest.raises(CrofterError) as caught:
        async with node.peers.channel(there, TALK, request) as channel:
            await channel.receive()
    return caught.value


async def test_frames_go_both_ways_in_order_until_the_caller_leaves(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        async with one.peers.channel(other.id, TALK, Say()) as channel:
            frames = [bytes([number]) * size for number, size in enumerate((0, 1, 8_192, 20_000) * 5)]
            for frame in frames:
                await channel.send(frame)
            assert [await channel.receive() for _ in frames] == frames
        await other.ended.wait()
        await until(lambda: bool(outcomes(other)))
        assert (outcomes(one), outcomes(other)) == ({("talk", "out", "ok"): 1}, {("talk", "in", "ok"): 1})
        assert other.peers.counts.bytes["talk", "in"] > 2 * sum(map(len, frames))
        assert other.callers[0].node_id == one.id


async def test_end_of_the_handler_is_the_end_for_the_caller(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other), one.peers.channel(other.id, TALK, Say(count=1)) as channel:
        await channel.send(b"last")
        assert await channel.receive() == b"last"
        assert await channel.receive() is None


async def test_caller_who_breaks_off_is_an_error_and_no_end(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        with anyio.CancelScope() as scope:
            async with one.peers.channel(other.id, TALK, Say()) as channel:
                await channel.send(b"x")
                await channel.receive()
                scope.cancel()
                await anyio.sleep_forever()
        await other.ended.wait()
        await until(lambda: outcomes(other) == {("talk", "in", "stream_closed"): 1})


async def test_what_the_handler_raises_is_all_the_caller_learns(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        error = await refused(one, other.id, Say("break"))
        assert error.code is ErrorCode.PEER_FAILED
        assert "secret" not in error.message


async def test_blocked_node_gets_no_channel(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        other.standings[one.id] = "blocked"
        assert (await refused(one, other.id, Say())).code is ErrorCode.PEER_REFUSED
        assert not other.callers


async def test_channels_are_limited_like_requests(transport: Transport) -> None:
    node = Node(1)
    async with running(transport, node), raw(transport, node) as connection:
        streams = [await connection.open_stream() for _ in range(9)]
        for stream in streams:
            await stream.write(opening("talk") + framed(msgspec.msgpack.encode(Say())))
        await until(lambda: outcomes(node) == {("unknown", "in", "overloaded"): 1})
        assert len(node.callers) == 8


async def test_frame_that_is_too_long_is_neither_sent_nor_taken(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        async with one.peers.channel(other.id, TALK, Say()) as channel:
            with pytest.raises(ValueError, match="20002"):
                await channel.send(bytes(20_001))
        other.ended = anyio.Event()
        async with raw(transport, other) as connection:
            stream = await connection.open_stream()
            await stream.write(opening("talk") + framed(msgspec.msgpack.encode(Say())) + b"\x7f\xff\xff\xff")
            reply = await FrameReader(stream).receive()
            assert reply is not None
            assert b"allowed" in reply
        assert outcomes(other)["talk", "in", "peer_failed"] == 1


async def test_sender_waits_for_a_peer_that_does_not_read(transport: Transport) -> None:
    one, other = Node(1), Node(2)

    async def pour(channel: Channel) -> None:
        while True:
            await channel.send(bytes(20_000))

    async with running(transport, one, other):
        with anyio.move_on_after(1.0):
            async with one.peers.channel(other.id, TALK, Say("deaf")) as channel:
                await pour(channel)
        assert one.peers.counts.bytes["talk", "out"] < 64 * 2**20


async def lost(one: Node, other: Node) -> None:
    """A channel that ends because the connection does."""
    assert (await refused(one, other.id, Say())).code is ErrorCode.PEER_LOST


async def test_end_of_trust_ends_channels_too(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lost, one, other)
            await other.waiting.wait()
            other.peers.hang_up(one.id)
        await other.ended.wait()


async def test_peer_that_falls_silent_ends_a_channel_on_which_nothing_is_said() -> None:
    network = MemoryNetwork()
    one, other = Node(1), Node(2)
    async with running(network, one, other), anyio.create_task_group() as tasks:
        tasks.start_soon(lost, one, other)
        await other.waiting.wait()
        network.set_link(one.id, other.id, Conditions(up=False))
        await other.ended.wait()


async def test_name_of_a_channel_is_taken_once() -> None:
    with pytest.raises(ValueError, match="talk"):
        Node(1).peers.serve_channel(TALK, Node(2).talk)
