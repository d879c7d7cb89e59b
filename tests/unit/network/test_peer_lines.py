"""Connections over hours, in virtual time: dialled again after failures, closed when idle, given up when the peer is dead."""

import anyio
import pytest

from crofter.core import ErrorCode
from crofter.network import Conditions, MemoryNetwork
from crofter.network.plan import LONGEST_REDIAL_SECONDS, redial_seconds, replaces
from crofter.trust import Standing
from tests.unit.network.peering import AGAIN, COUNT, ECHO, WAIT, Node, Say, outcomes, refused, running

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]
PATIENCE = 1e6


async def test_dead_peer_is_noticed_within_four_seconds_of_use() -> None:
    network, one, other = MemoryNetwork(), Node(1), Node(2)
    async with running(network, one, other, patience_seconds=PATIENCE):
        await one.peers.call(other.id, ECHO, Say())
        network.set_link(one.id, other.id, Conditions(up=False))
        await anyio.sleep(5)
        began = anyio.current_time()
        error = await refused(one.peers.call(other.id, ECHO, Say(), timeout_seconds=60))
        assert error.code is ErrorCode.PEER_LOST
        assert anyio.current_time() - began <= 4.0
        assert not one.peers.lines()


async def test_what_may_be_repeated_is_asked_again_when_the_old_connection_was_dead() -> None:
    network, one, other = MemoryNetwork(), Node(1), Node(2)
    async with running(network, one, other, patience_seconds=PATIENCE), anyio.create_task_group() as tasks:

        async def cut() -> None:
            network.set_link(one.id, other.id, Conditions(up=False))
            await anyio.sleep(5)
            network.set_link(one.id, other.id, Conditions())

        for kind, outcome in ((ECHO, "peer_lost"), (AGAIN, "ok")):
            await one.peers.call(other.id, kind, Say())
            await anyio.sleep(5)
            tasks.start_soon(cut)
            await anyio.sleep(0.5)
            if outcome == "ok":
                assert await one.peers.call(other.id, kind, Say("y")) == Say("y")
            else:
                assert (await refused(one.peers.call(other.id, kind, Say()))).code is ErrorCode.PEER_LOST
            await anyio.sleep(5)
        assert one.peers.counts.requests["again", "out", "peer_lost"] == 1
        assert one.peers.counts.requests["again", "out", "ok"] == 2


async def test_peer_that_cannot_be_dialled_again_is_lost_and_not_unreachable() -> None:
    network, one, other = MemoryNetwork(), Node(1), Node(2)
    async with running(network, one, other, patience_seconds=PATIENCE):
        await one.peers.call(other.id, AGAIN, Say())
        network.set_link(one.id, other.id, Conditions(up=False))
        await anyio.sleep(0.5)
        began = anyio.current_time()
        error = await refused(one.peers.call(other.id, AGAIN, Say()))
        assert error.code is ErrorCode.PEER_LOST
        assert anyio.current_time() - began <= 10.0


async def test_handler_of_a_dead_caller_ends_within_four_seconds() -> None:
    network, one, other = MemoryNetwork(), Node(1), Node(2)
    async with running(network, one, other, patience_seconds=PATIENCE), anyio.create_task_group() as tasks:
        tasks.start_soon(refused, one.peers.call(other.id, WAIT, Say(), timeout_seconds=600))
        await other.waiting.wait()
        await anyio.sleep(60)
        assert not other.ended.is_set()
        network.set_link(one.id, other.id, Conditions(up=False))
        with anyio.fail_after(4.0):
            await other.ended.wait()


async def test_peer_that_answers_slowly_is_waited_for() -> None:
    network, one, other = MemoryNetwork(), Node(1), Node(2)
    async with running(network, one, other, patience_seconds=PATIENCE):
        network.set_link(one.id, other.id, Conditions(delay_seconds=0.5, loss=0.05))
        replies = one.peers.stream(other.id, COUNT, Say("then wait", 3), timeout_seconds=300)
        assert [(await anext(replies)).count for _ in range(3)] == [0, 1, 2]
        assert (await refused(anext(replies))).code is ErrorCode.TIMED_OUT


async def test_unreachable_peer_is_left_alone_for_longer_and_longer() -> None:
    network, one, other = MemoryNetwork(), Node(1), Node(2)
    async with running(network, one, other, patience_seconds=PATIENCE):
        network.set_link(one.id, other.id, Conditions(up=False))
        for _ in range(3000):
            await refused(one.peers.call(other.id, ECHO, Say()))
            await anyio.sleep(0.1)
        dials = one.peers.counts.dials["peer_unreachable"]
        assert 8 <= dials <= 14  # within 300 s and more; without a pause it would be hundreds
        error = await refused(one.peers.call(other.id, ECHO, Say()))
        assert error.retry_after_seconds is not None
        network.set_link(one.id, other.id, Conditions())
        assert await one.peers.call(other.id, ECHO, Say("insists"), insist=True) == Say("insists")
        assert one.peers.counts.dials["peer_unreachable"] == dials


async def test_peer_that_comes_by_itself_is_asked_at_once() -> None:
    network, one, other = MemoryNetwork(), Node(1), Node(2)
    async with running(network, one, other, patience_seconds=PATIENCE):
        network.set_link(one.id, other.id, Conditions(up=False))
        for _ in range(10):
            await refused(one.peers.call(other.id, ECHO, Say()))
            await anyio.sleep(30)
        network.set_link(one.id, other.id, Conditions())
        await other.peers.call(one.id, ECHO, Say())
        assert await one.peers.call(other.id, ECHO, Say("hello")) == Say("hello")


async def test_returned_peer_replaces_its_dead_connection() -> None:
    network, one, other = MemoryNetwork(), Node(1), Node(2)
    async with running(network, one, patience_seconds=PATIENCE):
        async with running(network, other, patience_seconds=PATIENCE):
            other.book.addresses = {one.id: one.peers.addresses()}
            one.book.addresses = {other.id: other.peers.addresses()}
            await one.peers.call(other.id, ECHO, Say())
            await anyio.sleep(30)
            network.set_link(one.id, other.id, Conditions(up=False))
        network.set_link(one.id, other.id, Conditions())
        returned = Node(2)
        async with running(network, returned, patience_seconds=PATIENCE):
            returned.book.addresses = {one.id: one.peers.addresses()}
            await returned.peers.call(one.id, ECHO, Say())
            assert await one.peers.call(returned.id, ECHO, Say("again")) == Say("again")


@pytest.mark.parametrize(("standing", "seconds"), [("trusted", 120), ("stranger", 15)])
async def test_idle_connections_are_closed_and_used_ones_kept(standing: Standing, seconds: float) -> None:
    one, other = Node(1), Node(2)
    async with running(MemoryNetwork(), one, other, patience_seconds=PATIENCE):
        one.standings[other.id] = other.standings[one.id] = standing
        await one.peers.call(other.id, ECHO, Say())
        await anyio.sleep(seconds - 1)
        assert one.peers.lines()
        await anyio.sleep(7)
        assert not one.peers.lines()
        assert not other.peers.lines()
        await refused(one.peers.call(other.id, WAIT, Say(), timeout_seconds=1_000))
        assert one.peers.counts.dials["ok"] == 2


async def test_node_that_is_blocked_loses_its_connection() -> None:
    one, other = Node(1), Node(2)
    async with running(MemoryNetwork(), one, other, patience_seconds=PATIENCE), anyio.create_task_group() as tasks:
        tasks.start_soon(refused, one.peers.call(other.id, WAIT, Say(), timeout_seconds=600))
        await other.waiting.wait()
        other.standings[one.id] = "blocked"
        with anyio.fail_after(6):
            await other.ended.wait()


async def test_offline_node_dials_nobody_who_is_far() -> None:
    one, other = Node(1, mode="offline"), Node(2)
    async with running(MemoryNetwork(), one, other, patience_seconds=PATIENCE):
        near = one.book.addresses[other.id]
        one.book.addresses[other.id] = ("8.8.8.8:7412",)
        assert (await refused(one.peers.call(other.id, ECHO, Say()))).code is ErrorCode.PEER_UNREACHABLE
        one.book.addresses[other.id] = near
        assert await one.peers.call(other.id, ECHO, Say("near"), insist=True) == Say("near")
        assert outcomes(one)["echo", "out", "ok"] == 1


def test_pauses_grow_up_to_a_minute_and_are_spread() -> None:
    pauses = [redial_seconds(failures, 0.5) for failures in range(1, 30)]
    assert pauses == sorted(pauses)
    assert redial_seconds(1, 0.0) == 0.25
    assert redial_seconds(500, 0.999) <= LONGEST_REDIAL_SECONDS
    assert redial_seconds(5, 0.0) < redial_seconds(5, 0.9)


@pytest.mark.parametrize("own_first", [True, False])
def test_both_ends_of_two_crossing_connections_prefer_the_same(own_first: bool) -> None:
    """Each end has one that it dialled and one that it accepted, in whichever order they came."""
    kept_dialled = set[bool]()
    for old_dialled in (True, False):
        replaced = replaces(
            new_is_newer_by_seconds=0.1, old_dialled=old_dialled, new_dialled=not old_dialled, own_first=own_first
        )
        kept_dialled.add(old_dialled is not replaced)
    assert kept_dialled == {own_first}
    assert replaces(new_is_newer_by_seconds=60.0, old_dialled=True, new_dialled=False, own_first=own_first)
