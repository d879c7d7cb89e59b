"""The book: who may come in, what is kept over a restart, and what a flood of strangers cannot do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.store import Database, PeopleRecords
from crofter.trust import Decision, Identity, People, fingerprint, readable_id
from crofter.trust.plan import MOST_FORGOTTEN, MOST_REQUESTS, REQUEST_SECONDS
from tests.fakes import Clock

OWN = Identity(bytes(32)).node_id
ADA, BOB = NodeId(b"a" * 32), NodeId(b"b" * 32)
YES, NO = Decision(True, 5), Decision(False, 9, 10**15)


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Callable[[], People]:
    """The book as a start finds it."""
    database = Database.open(tmp_path / "node.db", bytes(32))
    return lambda: People(PeopleRecords(database), OWN, clock=clock)


@pytest.fixture
def people(opened: Callable[[], People]) -> People:
    return opened()


def refused_with(code: ErrorCode, call: Callable[[], object]) -> None:
    with pytest.raises(CrofterError) as caught:
        call()
    assert caught.value.code is code


def test_it_takes_both_to_be_trusted_and_a_restart_changes_nothing(opened: Callable[[], People]) -> None:
    people = opened()
    assert people.standing(ADA) == "stranger"
    people.agree(ADA)
    assert (people.standing(ADA), people.waiting()) == ("pending", [ADA])
    people.told(ADA, YES, "Ada's laptop")
    assert (people.standing(ADA), people.waiting()) == ("trusted", [])
    again = opened()
    assert again.all() == people.all()
    assert again.standing(ADA) == "trusted"


def test_a_request_waits_for_the_owner(people: People) -> None:
    people.told(ADA, YES, "Ada")
    assert people.standing(ADA) == "pending"
    assert people.agree(ADA).state == "trusted"


def test_their_no_ends_the_pairing_here_too(people: People) -> None:
    people.agree(ADA)
    people.told(ADA, YES, "Ada")
    people.told(ADA, NO, "Ada")
    assert (people.standing(ADA), people.all(), people.waiting()) == ("stranger", [], [])


def test_members_of_a_pool_are_trusted_unless_blocked(tmp_path: Path) -> None:
    records = PeopleRecords(Database.open(tmp_path / "pool.db", bytes(32)))
    people = People(records, OWN, is_vouched_for=lambda node_id: node_id == ADA)
    assert (people.standing(ADA), people.standing(BOB)) == ("trusted", "stranger")
    people.block(ADA)
    assert people.standing(ADA) == "blocked"


def test_the_owners_name_wins_and_theirs_may_change_beside_it(people: People) -> None:
    people.agree(ADA, "Granny")
    person = people.told(ADA, YES, "DESKTOP-4711")
    assert person is not None
    assert (person.name, person.their_name) == ("Granny", "DESKTOP-4711")
    assert people.find("granny") == person


def test_who_is_paired_keeps_the_name_they_had_then_and_cannot_take_anothers(people: People) -> None:
    for node_id in (ADA, BOB):
        people.agree(node_id)
        people.told(node_id, YES, "Ada")
    people.told(BOB, Decision(True, 6), "bank")
    assert [(person.name, person.their_name) for person in people.all()] == [("Ada", "Ada"), ("Ada 2", "bank")]
    refused_with(ErrorCode.CONFLICT, lambda: people.rename(BOB, "ADA"))
    refused_with(ErrorCode.INVALID_REQUEST, lambda: people.rename(BOB, "\u200b"))
    assert people.rename(BOB, "Bob").name == "Bob"


def test_someone_is_found_by_id_name_or_fingerprint_and_never_by_what_they_say(people: People) -> None:
    people.told(ADA, YES, "Bob")
    assert people.find(readable_id(ADA)).node_id == people.find(fingerprint(ADA)).node_id == ADA
    refused_with(ErrorCode.NOT_FOUND, lambda: people.find("Bob"))
    refused_with(ErrorCode.NOT_FOUND, lambda: people.find(readable_id(BOB)))
    refused_with(ErrorCode.INVALID_REQUEST, lambda: people.find(readable_id(ADA)[:-1]))


def test_a_fingerprint_that_two_have_decides_nothing(people: People) -> None:
    twin = NodeId(ADA[:5] + b"z" * 27)
    people.told(ADA, YES, "")
    people.told(twin, YES, "")
    refused_with(ErrorCode.CONFLICT, lambda: people.find(fingerprint(ADA)))


def test_what_is_refused_is_not_shown_again_by_repeating_it(people: People) -> None:
    people.told(ADA, YES, "Ada")
    people.refuse(ADA)
    assert people.told(ADA, YES, "Ada") is None
    assert people.all() == []
    assert people.told(ADA, Decision(True, 6), "Ada") is not None
    people.agree(BOB)
    refused_with(ErrorCode.NOT_FOUND, lambda: people.refuse(BOB))


def test_the_blocked_are_not_heard_and_forgetting_them_ends_it(people: People) -> None:
    people.block(ADA)
    people.told(ADA, YES, "Ada")
    assert people.standing(ADA) == "blocked"
    people.forget(ADA)
    assert people.standing(ADA) == "stranger"


def test_the_forgotten_are_still_told_and_nothing_but_that_is_kept(opened: Callable[[], People]) -> None:
    people = opened()
    people.agree(ADA, "Ada")
    people.told(ADA, YES, "Ada's laptop")
    people.forget(ADA)
    again = opened()
    assert (again.get(ADA), again.all()) == (None, [])
    assert again.decision(ADA).answers == YES.at
    assert not again.decision(ADA).agrees
    refused_with(ErrorCode.NOT_FOUND, lambda: again.rename(ADA, "Ada"))


def test_a_node_is_not_paired_with_itself(people: People) -> None:
    refused_with(ErrorCode.INVALID_REQUEST, lambda: people.agree(OWN))
    assert people.told(OWN, YES, "me") is None


def test_a_flood_of_strangers_moves_nobody_out_and_costs_a_bounded_number_of_lines(people: People) -> None:
    people.agree(BOB)
    people.told(ADA, YES, "Ada")
    for number in range(1_000):
        stranger = NodeId(number.to_bytes(32))
        people.told(stranger, YES, "sybil")
        people.told(stranger, Decision(False, 6), "sybil")
        people.told(stranger, Decision(True, 7), "sybil")
    assert len(people.all()) == MOST_REQUESTS + 1
    assert people.get(ADA) is not None
    # Whom the owner asks is let in by their yes, however many others wait.
    people.told(BOB, YES, "Bob")
    assert people.standing(BOB) == "trusted"


def test_requests_that_come_and_go_leave_nothing(opened: Callable[[], People]) -> None:
    people = opened()
    for number in range(MOST_FORGOTTEN):
        stranger = NodeId(number.to_bytes(32))
        people.told(stranger, YES, "")
        people.told(stranger, Decision(False, 6), "")
    assert people.all() == []
    assert opened().all() == []


def test_old_requests_make_room(people: People, clock: Clock) -> None:
    for number in range(MOST_REQUESTS):
        people.told(NodeId(number.to_bytes(32)), YES, "")
    assert people.told(ADA, YES, "Ada") is None
    clock.now += REQUEST_SECONDS + 1
    assert people.told(ADA, YES, "Ada") is not None
    assert [person.node_id for person in people.all()] == [ADA]


def test_when_someone_was_seen_is_written_once_a_minute_and_not_for_strangers(people: People, clock: Clock) -> None:
    people.seen(ADA)
    assert people.all() == []
    people.agree(ADA)
    people.seen(ADA)
    first = people.find(readable_id(ADA)).seen_at
    clock.now += 59
    people.seen(ADA)
    assert people.find(readable_id(ADA)).seen_at == first
    clock.now += 1
    people.seen(ADA)
    assert people.find(readable_id(ADA)).seen_at == clock.now
