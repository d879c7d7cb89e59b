"""What a peer may ask in a minute, by a clock that the test moves."""

from hypothesis import given
from hypothesis import strategies as st

from crofter.core import NodeId
from crofter.network.kinds import Standing
from crofter.network.limits import Limits
from tests.fakes import Clock
from tests.unit.network.peering import ECHO, kind

HALF = kind("half", per_minute=8)
COSTLY = kind("costly", per_minute=6_000, bytes_per_minute=6_000)
ONE, OTHER = NodeId(b"1" * 32), NodeId(b"2" * 32)


def taken(limits: Limits, peer: NodeId, times: int, standing: Standing = "trusted") -> int:
    return sum(limits.ask(peer, standing, HALF) == 0 for _ in range(times))


def test_a_quarter_at_once_then_at_the_rate() -> None:
    limits = Limits(clock := Clock(0.0))
    assert taken(limits, ONE, 10) == 2
    clock.now = 60 / 8 - 0.01
    assert limits.ask(ONE, "trusted", HALF) > 0
    clock.now += 0.02
    assert taken(limits, ONE, 10) == 1
    clock.now += 3600
    assert taken(limits, ONE, 10) == 2


def test_the_wait_that_is_named_is_enough_and_not_longer_than_needed() -> None:
    limits = Limits(clock := Clock(0.0))
    taken(limits, ONE, 10)
    wait = limits.ask(ONE, "trusted", HALF)
    clock.now += wait - 0.001
    assert limits.ask(ONE, "trusted", HALF) > 0
    clock.now += 0.002
    assert limits.ask(ONE, "trusted", HALF) == 0


def test_peers_and_kinds_do_not_share() -> None:
    limits = Limits(Clock(0.0))
    taken(limits, ONE, 10)
    assert limits.ask(OTHER, "trusted", HALF) == 0
    assert limits.ask(ONE, "trusted", ECHO) == 0


def test_new_ids_do_not_buy_strangers_more() -> None:
    limits = Limits(Clock(0.0))
    crowd = [NodeId(number.to_bytes(32)) for number in range(1000)]
    assert sum(taken(limits, peer, 2, "stranger") for peer in crowd) == 20 * HALF.per_minute * 0.25
    assert taken(limits, ONE, 2) == 2


def test_bytes_beyond_the_allowance_keep_a_peer_waiting() -> None:
    limits = Limits(clock := Clock(0.0))
    assert limits.ask(ONE, "trusted", COSTLY) == 0
    limits.charge(ONE, COSTLY, 1_500 + 1_000)
    assert limits.ask(ONE, "trusted", COSTLY) == 10.0
    clock.now = 10.1
    assert limits.ask(ONE, "trusted", COSTLY) == 0


@given(st.lists(st.tuples(st.integers(0, 20_000), st.floats(0, 5)), max_size=60))
def test_memory_is_bounded_and_nobody_gets_more_than_the_rate(asked: list[tuple[int, float]]) -> None:
    limits, got = Limits(clock := Clock(0.0)), 0
    for number, pause in asked:
        clock.now += pause
        limits.ask(NodeId(number.to_bytes(32)), "stranger", HALF)
        got += limits.ask(ONE, "trusted", HALF) == 0
    assert got <= 2 + clock.now * HALF.per_minute / 60 + 1e-6


def test_the_oldest_are_forgotten_first() -> None:
    limits = Limits(Clock(0.0))
    for number in range(5_000):
        limits.ask(NodeId(number.to_bytes(32)), "trusted", HALF)
    assert len(limits._buckets) == 4096
