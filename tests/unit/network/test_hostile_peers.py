"""Peers that do not keep to the protocol: refused, counted, and no burden to anybody else. On every transport."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode, ErrorReport, NodeId
from crofter.network import BindOptions, Connection, FrameReader, Stream, Transport, framed
from crofter.network.encoding import reply_of
from tests.unit.network.conftest import secret
from tests.unit.network.peering import COUNT, ECHO, WAIT, Node, Say, opening, outcomes, raw, running, until

pytestmark = pytest.mark.anyio

encode = msgspec.msgpack.encode


async def answer_to(connection: Connection, data: bytes, *, finish: bool = False) -> CrofterError:
    """The error that these bytes on a new stream are answered with."""
    stream = await connection.open_stream()
    await stream.write(data)
    if finish:
        await stream.finish()
    frame = await FrameReader(stream).receive()
    assert frame is not None
    with pytest.raises(CrofterError) as caught:
        reply_of(Say, frame)
    return caught.value


SENT = {
    "an opening that is too large": (b"\xff\xff\xff\xff" + b"x" * 200, "allowed"),
    "an opening that is no msgpack": (framed(b"\xc1\xc1\xc1"), "malformed"),
    "an opening of other things": (framed(encode({"kind": "echo"})), "malformed"),
    "nested nonsense": (framed(b"\x91" * 120), "malformed"),
    "a deadline that is no number": (opening(seconds=math.nan) + framed(encode(Say())), "malformed"),
    "a deadline without end": (opening(seconds=math.inf) + framed(encode(Say())), "malformed"),
    "a request that is too large": (opening() + b"\x00\xff\xff\xff", "allowed"),
    "a request that is no msgpack": (opening() + framed(b"\xc1"), "malformed"),
    "a request of the wrong kind": (opening() + framed(encode({"text": 5})), "malformed"),
    "text that is no text": (opening() + framed(encode({"text": b"\xff"})), "malformed"),
}


@pytest.mark.parametrize("what", SENT)
async def test_what_is_malformed_is_refused_and_counted(transport: Transport, what: str) -> None:
    data, reason = SENT[what]
    node = Node(1)
    async with running(transport, node), raw(transport, node) as connection:
        error = await answer_to(connection, data)
        assert error.code is ErrorCode.PEER_FAILED
        assert reason in error.message
        await until(lambda: bool(outcomes(node)))
        [(_, direction, outcome)] = outcomes(node)
        assert (direction, outcome) == ("in", "peer_failed")
        assert not node.callers


async def test_unknown_kind_is_refused_by_name_of_nothing(transport: Transport) -> None:
    node = Node(1)
    async with running(transport, node), raw(transport, node) as connection:
        error = await answer_to(connection, opening("no such kind") + framed(encode(Say())))
        assert error.code is ErrorCode.UNSUPPORTED
        await until(lambda: bool(outcomes(node)))
        assert outcomes(node) == {("unknown", "in", "unsupported"): 1}


@pytest.mark.parametrize("data", [b"", opening()[:3], opening(), opening() + framed(encode(Say()))[:5]])
async def test_stream_that_ends_too_early_is_an_error(transport: Transport, data: bytes) -> None:
    node = Node(1)
    async with running(transport, node), raw(transport, node) as connection:
        assert (await answer_to(connection, data, finish=True)).code is ErrorCode.PEER_FAILED


async def test_more_than_was_asked_for_ends_the_request(transport: Transport) -> None:
    node = Node(1)
    async with running(transport, node), raw(transport, node) as connection:
        stream = await connection.open_stream()
        await stream.write(opening("wait") + framed(encode(Say())))
        await node.waiting.wait()
        await stream.write(b"more")
        await until(lambda: outcomes(node) == {("wait", "in", "peer_failed"): 1})
        assert node.ended.is_set()


async def test_flood_of_streams_is_turned_away_and_others_are_served(transport: Transport) -> None:
    node, friend = Node(1), Node(2)
    async with running(transport, node, friend), raw(transport, node) as connection:
        node.standings[friend.id] = "trusted"
        streams = [await connection.open_stream() for _ in range(100)]
        for stream in streams:
            with suppress(CrofterError):
                await stream.write(opening("wait", 3600.0) + framed(encode(Say())))
        assert await friend.peers.call(node.id, ECHO, Say("I")) == Say("I")
        await until(lambda: outcomes(node).get(("unknown", "in", "overloaded"), 0) >= 100 - 8)
        [line] = [line for line in node.peers.lines() if line.node_id != friend.id]
        assert line.answering == 8


async def test_flood_of_new_ids_leaves_room_for_those_who_are_trusted(transport: Transport) -> None:
    node, friend = Node(1), Node(2)
    async with running(transport, node, friend), anyio.create_task_group() as tasks:
        node.standings[friend.id] = "trusted"

        async def come(number: int) -> None:
            with suppress(CrofterError):
                async with raw(transport, node, number) as connection:
                    await connection.wait_closed()

        for number in range(10, 100):
            tasks.start_soon(come, number)
        await until(lambda: len(node.peers.lines()) >= 64)
        assert await friend.peers.call(node.id, ECHO, Say("I")) == Say("I")
        assert len(node.peers.lines()) <= 65
        tasks.cancel_scope.cancel()


async def test_many_requests_that_are_given_up_leave_nothing(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        other.standings[one.id] = "trusted"
        for _ in range(20):
            with anyio.move_on_after(0.02):
                async with anyio.create_task_group() as tasks:
                    for _ in range(10):
                        tasks.start_soon(one.peers.call, other.id, WAIT, Say())
        await until(lambda: not any(line.busy for node in (one, other) for line in node.peers.lines()))
        assert await one.peers.call(other.id, ECHO, Say("still")) == Say("still")


Answer = Callable[[Stream], Awaitable[None]]


@asynccontextmanager
async def answering(transport: Transport, node: Node, answer: Answer) -> AsyncGenerator[NodeId]:
    """Somebody whom the node asks, and who answers as he likes."""

    async def attend() -> None:
        connection = await endpoint.accept()
        with suppress(CrofterError):
            while True:
                tasks.start_soon(say, await connection.accept_stream())

    async def say(stream: Stream) -> None:
        with suppress(CrofterError):
            reader = FrameReader(stream)
            await reader.receive()
            await reader.receive()
            await answer(stream)

    async with transport.bind(secret(9), BindOptions()) as endpoint, anyio.create_task_group() as tasks:
        peer = endpoint.node_id
        node.book.addresses = {peer: endpoint.addresses()}
        tasks.start_soon(attend)
        yield peer
        tasks.cancel_scope.cancel()


def error_frame(code: str, message: str) -> bytes:
    return framed(b"\1" + encode(ErrorReport(code=code, message=message)))


ANSWERS = {
    "nothing": (b"", ErrorCode.PEER_FAILED),
    "too much": (b"\x7f\xff\xff\xff", ErrorCode.PEER_FAILED),
    "an empty frame": (framed(b""), ErrorCode.PEER_FAILED),
    "an unknown mark": (framed(b"\7" + encode(Say())), ErrorCode.PEER_FAILED),
    "another type": (framed(b"\0" + encode({"count": "x"})), ErrorCode.PEER_FAILED),
    "no error": (framed(b"\1" + encode(3)), ErrorCode.PEER_FAILED),
    "half a frame": (framed(b"\0" + encode(Say()))[:6], ErrorCode.PEER_FAILED),
    "an error like ours": (error_frame("unauthenticated", "your key is wrong"), ErrorCode.PEER_FAILED),
    "an unknown error": (error_frame("made_up", "boom"), ErrorCode.PEER_FAILED),
    "a refusal": (error_frame("rate_limited", "later"), ErrorCode.RATE_LIMITED),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_no_answer_is_taken_for_what_it_is_not(transport: Transport, what: str) -> None:
    data, code = ANSWERS[what]

    async def answer(stream: Stream) -> None:
        await stream.write(data)
        await stream.finish()

    node = Node(1)
    async with running(transport, node), answering(transport, node, answer) as peer:
        with pytest.raises(CrofterError) as caught:
            await node.peers.call(peer, ECHO, Say())
        assert caught.value.code is code
        assert outcomes(node) == {("echo", "out", code.code): 1}


async def test_words_of_a_peer_cannot_steer_a_terminal(transport: Transport) -> None:
    async def answer(stream: Stream) -> None:
        await stream.write(error_frame("conflict", "\x1b]0;owned\x07\u202e" + "x" * 3000))
        await stream.finish()

    node = Node(1)
    async with running(transport, node), answering(transport, node, answer) as peer:
        with pytest.raises(CrofterError) as caught:
            await node.peers.call(peer, ECHO, Say())
        assert caught.value.message.replace("\n", "").isprintable()
        assert len(caught.value.message) < 700


async def test_peer_that_breaks_off_a_stream_of_replies_is_an_error_and_no_end(transport: Transport) -> None:
    async def answer(stream: Stream) -> None:
        await stream.write(framed(b"\0" + encode(Say())))
        await anyio.sleep(0.2)
        await stream.reset(3)

    node = Node(1)
    async with running(transport, node), answering(transport, node, answer) as peer:
        replies = node.peers.stream(peer, COUNT, Say(), timeout_seconds=10)
        assert await anext(replies) == Say()
        with pytest.raises(CrofterError):
            await anext(replies)


async def test_replies_without_end_stay_within_the_window(transport: Transport) -> None:
    sent = 0

    async def answer(stream: Stream) -> None:
        nonlocal sent
        while True:
            await stream.write(framed(b"\0" + encode(Say("x" * 900))))
            sent += 1

    node = Node(1)
    async with running(transport, node), answering(transport, node, answer) as peer:
        replies = node.peers.stream(peer, COUNT, Say(), timeout_seconds=30)
        for _ in range(10):
            await anext(replies)
        await anyio.sleep(0.5)
        held = sent
        await anyio.sleep(0.5)
        assert sent == held < 20_000
        await replies.aclose()


async def test_who_only_breaks_rules_is_hung_up_on_and_let_in_again_later(transport: Transport) -> None:
    node = Node(1)

    async def break_rules(connection: Connection) -> None:
        for _ in range(40):
            await answer_to(connection, framed(b"\xc1\xc1\xc1"))

    async with running(transport, node):
        async with raw(transport, node) as connection:
            with pytest.raises(CrofterError):
                await break_rules(connection)
            assert (await connection.wait_closed()).code in {ErrorCode.PEER_REFUSED, ErrorCode.PEER_LOST}
            assert 15 <= outcomes(node)["unknown", "in", "peer_failed"] < 40
        async with raw(transport, node) as connection:
            with pytest.raises(CrofterError):
                await answer_to(connection, opening() + framed(encode(Say())))
        await anyio.sleep(1.5)
        async with raw(transport, node) as connection:
            stream = await connection.open_stream()
            await stream.write(opening() + framed(encode(Say("again"))))
            frame = await FrameReader(stream).receive()
            assert frame is not None
            assert reply_of(Say, frame) == Say("again")


async def test_one_that_is_trusted_is_borne_with(transport: Transport) -> None:
    node = Node(1)
    async with running(transport, node), raw(transport, node) as connection:
        await until(lambda: bool(node.peers.lines()))
        node.standings[node.peers.lines()[0].node_id] = "trusted"
        for _ in range(40):
            assert "malformed" in (await answer_to(connection, framed(b"\xc1\xc1\xc1"))).message
