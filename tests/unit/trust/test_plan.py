"""What follows from two decisions, and that two nodes come to agree whatever happens to their messages."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from crofter.core import NodeId
from crofter.trust.plan import (
    FORGOTTEN_SECONDS,
    MOST_FORGOTTEN,
    REQUEST_SECONDS,
    Decision,
    Person,
    Standing,
    agreed,
    blocked,
    clean_name,
    declined,
    forgotten,
    free_name,
    outlived,
    radius_of,
    standing,
    told,
)

NOW = 1_700_000_000.0


def person(number: int = 1, *, ours: Decision | None = None, theirs: Decision | None = None) -> Person:
    node_id = NodeId(number.to_bytes(32))
    return Person(node_id=node_id, known_at=NOW, ours=ours or Decision(), theirs=theirs or Decision())


YES = Decision(True, 5)


@pytest.mark.parametrize(
    ("known", "is_vouched_for", "expected"),
    [
        (None, False, "stranger"),
        (None, True, "trusted"),
        (person(), False, "stranger"),
        (person(theirs=YES), False, "pending"),
        (person(ours=YES), False, "pending"),
        (person(ours=YES, theirs=YES), False, "trusted"),
        (person(theirs=YES), True, "trusted"),
        (blocked(person(ours=YES, theirs=YES), NOW), False, "blocked"),
        (blocked(person(), NOW), True, "blocked"),
    ],
)
def test_trust_takes_both_or_a_pool_and_a_block_beats_all(
    known: Person | None, is_vouched_for: bool, expected: Standing
) -> None:
    assert standing(known, is_vouched_for=is_vouched_for) == expected


def test_only_the_trusted_are_in_the_trusted_radius() -> None:
    standings: list[Standing] = ["trusted", "pending", "stranger", "blocked"]
    assert [radius_of(one) for one in standings] == ["trusted", "public", "public", None]


def test_a_block_ends_by_forgetting_or_by_a_yes_and_until_then_nothing_is_heard() -> None:
    shut = blocked(person(), NOW)
    assert told(shut, YES, "mallory", NOW) == shut
    assert forgotten(shut, NOW).state == "forgotten"
    assert agreed(shut, NOW).state == "asked"


def test_what_was_declined_asks_again_only_when_they_decide_again() -> None:
    turned_away = declined(person(theirs=YES), NOW)
    assert told(turned_away, YES, "", NOW).state == "forgotten"
    assert told(turned_away, Decision(True, 6), "", NOW).state == "asked_us"


def test_a_no_that_has_not_seen_our_last_yes_does_not_end_it() -> None:
    asked = person(ours=Decision(True, 10))
    assert told(asked, Decision(False, 20, answers=9), "", NOW).state == "asked"
    assert told(asked, Decision(False, 20, answers=10), "", NOW).state == "forgotten"


def test_our_own_decisions_go_forward_even_if_the_clock_goes_back() -> None:
    later = agreed(person(), NOW)
    assert declined(later, NOW - 1000).ours.at > later.ours.at


class World:
    """Two nodes, and their messages in the air: taken in any order, lost, or delivered twice."""

    def __init__(self) -> None:
        self.views = [person(1), person(2)]
        self.said: list[set[int]] = [set(), set()]
        self.air: list[tuple[int, Decision]] = []

    def decide(self, event: str, side: int, now: float) -> None:
        change = {"yes": agreed, "no": declined, "forget": forgotten}[event]
        self.views[side] = change(self.views[side], now)
        if event == "yes":
            self.said[side].add(self.views[side].ours.at)

    def arrive(self, event: str, pick: int, now: float) -> None:
        to, decision = self.air.pop(pick % len(self.air))
        if event != "lose":
            self.tell(to, decision, now)
        if event == "repeat":
            self.air.append((to, decision))

    def tell(self, to: int, decision: Decision, now: float) -> None:
        self.views[to] = told(self.views[to], decision, "", now)


DECISIONS = st.sampled_from(["yes", "no", "forget"])
JOURNEYS = st.sampled_from(["send", "send", "deliver", "lose", "repeat"])


@given(st.lists(st.tuples(DECISIONS | JOURNEYS, st.integers(0, 1), st.integers(0, 7)), max_size=40))
def test_nobody_trusts_without_both_and_they_agree_once_they_have_talked(events: list[tuple[str, int, int]]) -> None:
    world, now = World(), NOW
    for event, side, pick in events:
        now += 1
        if event in {"yes", "no", "forget"}:
            world.decide(event, side, now)
        elif event == "send":
            world.air.append((1 - side, world.views[side].ours))
        elif world.air:
            world.arrive(event, pick, now)
        for one, view in enumerate(world.views):
            if view.state == "trusted":
                assert view.ours.at in world.said[one]
                assert view.theirs.at in world.said[1 - one]
    for to in (0, 1) * 3:
        world.tell(to, world.views[1 - to].ours, now)
    assert (world.views[0].state == "trusted") is (world.views[1].state == "trusted")


@given(st.permutations(["a says", "b says", "a tells", "b tells", "a tells", "b tells"]))
def test_two_who_both_say_yes_are_paired_whoever_begins(order: list[str]) -> None:
    views = {"a": person(1), "b": person(2)}
    for step in [*order, "a tells", "b tells"]:
        who, what = step.split()
        other = "b" if who == "a" else "a"
        if what == "says":
            views[who] = agreed(views[who], NOW)
        else:
            views[other] = told(views[other], views[who].ours, "", NOW)
    assert [view.state for view in views.values()] == ["trusted", "trusted"]


def test_old_requests_and_tombstones_go_and_what_the_owner_made_stays() -> None:
    trusted, asked = person(1, ours=YES, theirs=YES), person(2, ours=YES)
    shut, request = blocked(person(3), NOW), person(4, theirs=YES)
    gone = forgotten(person(5, ours=YES, theirs=YES), NOW)
    everyone = [trusted, asked, shut, request, gone]
    assert outlived(everyone, NOW + REQUEST_SECONDS - 1) == []
    assert outlived(everyone, NOW + REQUEST_SECONDS + 1) == [request.node_id]
    assert outlived(everyone, NOW + FORGOTTEN_SECONDS + 1) == [gone.node_id, request.node_id]


def test_tombstones_are_bounded_and_the_oldest_go() -> None:
    gone = [forgotten(person(number, ours=YES), NOW + number) for number in range(MOST_FORGOTTEN + 2)]
    assert outlived(gone, NOW) == [gone[1].node_id, gone[0].node_id]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("  Ada's\tlaptop \n", "Ada's laptop"),
        ("bob\u202egnp.exe", "bobgnp.exe"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("\u200b\u2066", ""),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_name_is_one_line_without_tricks(given: str, shown: str) -> None:
    assert clean_name(given) == shown


def test_a_taken_name_gets_a_number() -> None:
    assert free_name("Ada", ["bob"]) == "Ada"
    assert free_name("Ada", ["ada", "ADA 2"]) == "Ada 3"
    assert len(free_name("x" * 64, ["x" * 64])) == 64
