"""Requests between nodes, on every transport: what is asked is answered, refused or ended, and never hangs."""

from contextlib import aclosing

import anyio
import pytest

from crofter.core import ErrorCode, NodeId
from crofter.network import Transport
from tests.unit.network.peering import (
    COUNT,
    ECHO,
    FAIL,
    MUTE,
    PUBLIC,
    RARE,
    TENSORS,
    TRUSTED,
    WAIT,
    Node,
    Say,
    outcomes,
    refused,
    running,
    until,
)

pytestmark = pytest.mark.anyio


async def test_request_is_answered_and_its_caller_is_known(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        assert await one.peers.call(other.id, ECHO, Say("hello")) == Say("hello")
        [caller] = other.callers
        assert (caller.node_id, caller.standing, caller.radius, caller.relayed) == (one.id, "stranger", "public", False)
        assert caller.address
        assert outcomes(one) == {("echo", "out", "ok"): 1}
        await until(lambda: bool(outcomes(other)))
        assert outcomes(other) == {("echo", "in", "ok"): 1}


async def test_one_connection_serves_both_ways(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        other.book.addresses = {}
        for number in range(3):
            await one.peers.call(other.id, ECHO, Say(count=number))
            await other.peers.call(one.id, ECHO, Say(count=number))
        assert len(one.peers.lines()) == len(other.peers.lines()) == 1
        assert one.peers.counts.dials == {"ok": 1}
        assert not other.peers.counts.dials


async def test_many_who_need_a_peer_share_one_dial(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other), anyio.create_task_group() as tasks:
        one.standings[other.id] = other.standings[one.id] = "trusted"
        replies: list[int] = []

        async def ask(number: int) -> None:
            replies.append((await one.peers.call(other.id, ECHO, Say(count=number))).count)

        for number in range(200):
            tasks.start_soon(ask, number)
        await until(lambda: len(replies) == 200)
        assert sorted(replies) == list(range(200))
        assert one.peers.counts.dials == {"ok": 1}


async def test_nodes_that_dial_each_other_at_once_agree_on_one_connection(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other), anyio.create_task_group() as tasks:
        tasks.start_soon(one.peers.call, other.id, ECHO, Say())
        await other.peers.call(one.id, ECHO, Say())
    first = one if one.id < other.id else other
    assert {line.dialled for node in (one, other) for line in node.peers.lines()} <= {True, False}
    assert first.peers.counts.dials["ok"] <= 1


async def test_replies_come_one_by_one_and_end(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        stream = one.peers.stream(other.id, COUNT, Say(count=500), timeout_seconds=10)
        assert [reply.count async for reply in stream] == list(range(500))
        assert [reply async for reply in one.peers.stream(other.id, COUNT, Say(), timeout_seconds=10)] == []


async def test_tensors_come_byte_for_byte(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        stream = one.peers.stream(other.id, TENSORS, Say(count=5), timeout_seconds=15)
        assert [part async for part in stream] == [bytes([number]) * TENSORS.most_bytes for number in range(5)]


async def test_caller_who_leaves_a_stream_ends_the_work(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        async with aclosing(one.peers.stream(other.id, TENSORS, Say(count=200), timeout_seconds=60)) as stream:
            async for _ in stream:
                break
        await until(lambda: bool(outcomes(other)))
        assert other.produced < 100
        assert outcomes(one) == {("tensors", "out", "cancelled"): 1}


async def test_caller_who_leaves_ends_a_handler_that_says_nothing(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        with anyio.move_on_after(30) as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one.peers.call, other.id, WAIT, Say())
                await other.waiting.wait()
                tasks.cancel_scope.cancel()
        assert not scope.cancelled_caught
        with anyio.fail_after(5):
            await other.ended.wait()


async def test_deadline_ends_both_sides(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        error = await refused(one.peers.call(other.id, WAIT, Say(), timeout_seconds=0.5))
        assert error.code is ErrorCode.TIMED_OUT
        with anyio.fail_after(5):
            await other.ended.wait()


async def test_deadline_of_a_stream_is_for_all_of_it(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        stream = one.peers.stream(other.id, COUNT, Say("then wait", 3), timeout_seconds=0.5)
        assert [(await anext(stream)).count for _ in range(3)] == [0, 1, 2]
        assert (await refused(anext(stream))).code is ErrorCode.TIMED_OUT
        with anyio.fail_after(5):
            await other.ended.wait()


async def test_error_of_a_handler_is_told_without_its_reason(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        error = await refused(one.peers.call(other.id, FAIL, Say()))
        assert error.code is ErrorCode.PEER_FAILED
        assert "secret" not in error.message
        assert await one.peers.call(other.id, ECHO, Say("still there")) == Say("still there")


async def test_what_is_not_served_or_not_known_is_refused(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        assert (await refused(one.peers.call(other.id, MUTE, Say()))).code is ErrorCode.UNSUPPORTED


async def test_strangers_get_only_what_is_for_anyone(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        one.standings[other.id] = "trusted"
        for kind in (PUBLIC, TRUSTED):
            assert (await refused(one.peers.call(other.id, kind, Say()))).code is ErrorCode.PEER_REFUSED
        assert await one.peers.call(other.id, ECHO, Say("x")) == Say("x")
        other.standings[one.id] = "pending"
        assert await one.peers.call(other.id, ECHO, Say("y")) == Say("y")
        assert (await refused(one.peers.call(other.id, TRUSTED, Say()))).code is ErrorCode.PEER_REFUSED
        other.standings[one.id] = "trusted"
        assert await one.peers.call(other.id, TRUSTED, Say("z")) == Say("z")
        assert {caller.standing for caller in other.callers} == {"stranger", "pending", "trusted"}


async def test_nothing_for_trusted_nodes_is_sent_to_strangers(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        assert (await refused(one.peers.call(other.id, TRUSTED, Say("secret")))).code is ErrorCode.PEER_REFUSED
        assert not one.peers.lines()


async def test_blocked_node_is_not_let_in(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        other.standings[one.id] = "blocked"
        error = await refused(one.peers.call(other.id, ECHO, Say()))
        assert error.code is ErrorCode.PEER_REFUSED
        assert not other.callers


async def test_too_many_requests_of_a_kind_are_refused_with_a_time_to_wait(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        for _ in range(2):
            await one.peers.call(other.id, RARE, Say())
        error = await refused(one.peers.call(other.id, RARE, Say()))
        assert error.code is ErrorCode.RATE_LIMITED
        assert error.retry_after_seconds is not None
        assert 0 < error.retry_after_seconds <= 60 / RARE.per_minute
        await one.peers.call(other.id, ECHO, Say())


async def test_request_that_is_too_long_is_not_sent(transport: Transport) -> None:
    one, other = Node(1), Node(2)
    async with running(transport, one, other):
        error = await refused(one.peers.call(other.id, ECHO, Say("x" * ECHO.most_bytes)))
        assert error.code is ErrorCode.INVALID_REQUEST


async def test_peer_without_an_address_is_unreachable_at_once(transport: Transport) -> None:
    one = Node(1)
    async with running(transport, one):
        error = await refused(one.peers.call(NodeId(bytes(31) + b"\1"), ECHO, Say()))
        assert error.code is ErrorCode.PEER_UNREACHABLE
        assert (await refused(one.peers.call(one.id, ECHO, Say()))).code is ErrorCode.INVALID_REQUEST


async def test_node_off_the_network_says_so() -> None:
    error = await refused(Node(1).peers.call(NodeId(bytes(32)), ECHO, Say()))
    assert error.code is ErrorCode.OFFLINE
