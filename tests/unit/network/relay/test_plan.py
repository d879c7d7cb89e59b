"""Whom a relay lets in, and how much it carries."""

import pytest

from crofter.core import NodeId
from crofter.network.relay.plan import MOST_CLIENTS, MOST_STRANGERS, Budget, refusal
from crofter.trust import Standing
from tests.fakes import Clock

ONE, OTHER = NodeId(b"1" * 32), NodeId(b"2" * 32)
RATE = 1000


@pytest.mark.parametrize(
    ("standing", "for_everyone", "clients", "strangers", "allowed"),
    [
        ("trusted", False, 0, 0, True),
        ("trusted", True, MOST_CLIENTS - 1, MOST_STRANGERS, True),
        ("trusted", False, MOST_CLIENTS, 0, False),
        ("stranger", False, 0, 0, False),
        ("pending", False, 0, 0, False),
        ("stranger", True, 0, 0, True),
        ("stranger", True, MOST_STRANGERS, MOST_STRANGERS - 1, True),
        ("stranger", True, MOST_STRANGERS, MOST_STRANGERS, False),
        ("blocked", True, 0, 0, False),
    ],
)
def test_who_may_use_a_relay(
    standing: Standing, for_everyone: bool, clients: int, strangers: int, allowed: bool
) -> None:
    reason = refusal(standing, for_everyone=for_everyone, clients=clients, strangers=strangers)
    assert (reason is None) == allowed


def test_one_node_may_use_half_and_is_held_back_for_what_it_sends_beyond() -> None:
    clock = Clock(0.0)
    budget = Budget(RATE, clock)
    assert budget.charge(ONE, 500) == 0
    assert budget.charge(ONE, 250) == pytest.approx(0.5)
    clock.now += 0.5
    assert budget.charge(ONE, 0) == 0
    assert budget.charge(ONE, 500) == pytest.approx(1.0)


def test_all_together_may_use_the_whole() -> None:
    budget = Budget(RATE, Clock(0.0))
    assert [budget.charge(NodeId(bytes([number]) * 32), 400) for number in range(2)] == [0, 0]
    assert budget.charge(ONE, 400) == pytest.approx(0.2)


def test_silence_is_not_saved_up() -> None:
    clock = Clock(0.0)
    budget = Budget(RATE, clock)
    clock.now += 3600
    assert budget.charge(ONE, 1000) == pytest.approx(1.0)


def test_coming_again_is_no_way_to_a_fresh_budget() -> None:
    budget = Budget(RATE, Clock(0.0))
    budget.charge(ONE, 2000)
    budget.forget(ONE)
    assert budget.charge(ONE, 1) > 0, "all together have spent theirs"
