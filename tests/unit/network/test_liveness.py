"""A silent peer is noticed in time, and only where it matters. Time is virtual here."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple

import anyio
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.network import Conditions, Liveness, MemoryNetwork
from tests.unit.network.conftest import Pair, connected

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


class Watched(NamedTuple):
    network: MemoryNetwork
    pair: Pair
    here: Liveness
    there: Liveness

    def cut(self, *, up: bool = False, delay_seconds: float = 0.0) -> None:
        conditions = Conditions(up=up, delay_seconds=delay_seconds)
        self.network.set_link(self.pair.one.node_id, self.pair.other.node_id, conditions)


@asynccontextmanager
async def watched() -> AsyncGenerator[Watched]:
    network = MemoryNetwork()
    async with connected(network, patience_seconds=1e6) as pair, anyio.create_task_group() as tasks:
        here, there = Liveness(pair.dialled), Liveness(pair.accepted)
        tasks.start_soon(here.run)
        tasks.start_soon(there.run)
        yield Watched(network, pair, here, there)
        tasks.cancel_scope.cancel()


async def test_peer_that_falls_silent_is_noticed_within_four_seconds() -> None:
    async with watched() as both:
        with both.here.used():
            await anyio.sleep(10.3)
            both.cut()
            cut_at = anyio.current_time()
            error = await both.pair.dialled.wait_closed()
            assert anyio.current_time() - cut_at <= 4.0
    assert error.code is ErrorCode.PEER_LOST
    assert "silent" in error.message


async def test_what_waits_for_the_silent_peer_ends() -> None:
    async with watched() as both:
        stream = await both.pair.dialled.open_stream()
        await stream.write(b"x")
        both.cut()
        with both.here.used(), pytest.raises(CrofterError) as caught:
            await stream.read(1)
    assert caught.value.code is ErrorCode.PEER_LOST


async def test_silence_on_an_unused_connection_is_no_sign() -> None:
    async with watched() as both:
        with both.here.used():
            await anyio.sleep(5)
        both.cut()
        await anyio.sleep(3600)
        both.cut(up=True)
        with both.here.used():
            await anyio.sleep(60)
        assert both.pair.dialled.paths()


async def test_idle_connection_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    async with watched() as both:
        monkeypatch.setattr(both.pair.dialled, "send_datagram", sent.append)
        await anyio.sleep(100)
        assert sent == []
        with both.here.used():
            await anyio.sleep(2.5)
    assert sent == [b"?"] * 3


async def test_slow_line_is_not_a_dead_one() -> None:
    async with watched() as both:
        both.cut(up=True, delay_seconds=1.0)
        with both.here.used(), both.there.used():
            await anyio.sleep(600)
        assert both.pair.dialled.paths()


async def test_short_interruption_is_survived() -> None:
    async with watched() as both:
        with both.here.used():
            for _ in range(20):
                await anyio.sleep(3)
                both.cut()
                await anyio.sleep(2)
                both.cut(up=True)
        assert both.pair.dialled.paths()


async def test_a_peer_that_asks_all_the_time_is_answered_a_few_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[bytes] = []
    async with watched() as both:
        monkeypatch.setattr(both.pair.accepted, "send_datagram", answers.append)
        for _ in range(1000):
            both.pair.dialled.send_datagram(b"?")
            await anyio.sleep(0.01)
    assert 30 <= len(answers) <= 50


async def test_watching_ends_with_the_connection() -> None:
    async with connected(MemoryNetwork(), patience_seconds=1e6) as pair, anyio.create_task_group() as tasks:
        liveness = Liveness(pair.dialled)
        tasks.start_soon(liveness.run)
        with liveness.used():
            await anyio.sleep(1.5)
            pair.accepted.close()
