"""An invite lets in as many nodes as it says, and what else somebody who holds it may try."""

from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.store import Database, InviteRecords, PeopleRecords
from crofter.trust import LONGEST_INVITE_SECONDS, Decision, Identity, InviteDesk, Join, People, invite_name
from crofter.trust.invite_desk import MOST_INVITES, MOST_USES

ADA, BOB, CLEO, MALLORY = (Identity(bytes([number]) * 32).node_id for number in (1, 2, 3, 4))
"""Ada invites."""
HOUR = 3600.0


class Ada:
    """Her desk, which can be shut and opened again on what was kept."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_700_000_000.0
        self._database = Database.open(folder / "ada.db", bytes(32))
        self.open()

    def open(self) -> None:
        self.records = InviteRecords(self._database)
        self.people = People(PeopleRecords(self._database), ADA, clock=lambda: self.now)
        self.desk = InviteDesk(self.people, self.records, clock=lambda: self.now)

    def invite(self, uses: int = 1, seconds: float = HOUR) -> Join:
        return Join(self.desk.issue(uses, seconds)[0])

    def refuses(self, caller: NodeId, join: Join) -> str:
        with pytest.raises(CrofterError) as caught:
            self.desk.join(caller, join)
        assert caught.value.code is ErrorCode.FORBIDDEN
        return caught.value.message

    def agrees_with(self, *nodes: NodeId) -> bool:
        return all(self.people.decision(node).agrees for node in nodes)


@pytest.fixture
def ada(tmp_path: Path) -> Ada:
    return Ada(tmp_path)


def test_it_is_the_owners_yes_to_as_many_as_it_says(ada: Ada) -> None:
    invite = ada.invite(uses=2)
    ada.desk.join(BOB, invite)
    ada.desk.join(CLEO, invite)
    assert ada.agrees_with(BOB, CLEO)
    ada.refuses(MALLORY, invite)
    assert not ada.agrees_with(MALLORY)


def test_a_yes_is_not_yet_trust(ada: Ada) -> None:
    ada.desk.join(BOB, ada.invite())
    assert ada.people.standing(BOB) == "pending"


def test_who_used_it_may_ask_again_and_nobody_else(ada: Ada) -> None:
    invite = ada.invite()
    ada.desk.join(BOB, invite)
    ada.desk.join(BOB, invite)
    ada.refuses(MALLORY, invite)
    ada.open()
    ada.desk.join(BOB, invite)
    ada.refuses(MALLORY, invite)


def test_after_a_crash_between_use_and_yes_only_its_user_gets_the_yes(ada: Ada) -> None:
    token, invite = ada.desk.issue(1, HOUR)
    assert ada.records.use(invite.digest, BOB, ada.now)
    ada.open()
    ada.refuses(MALLORY, Join(token))
    ada.desk.join(BOB, Join(token))
    assert ada.agrees_with(BOB)


def test_who_was_forgotten_since_does_not_come_back_by_it(ada: Ada) -> None:
    invite = ada.invite(uses=9)
    ada.desk.join(BOB, invite)
    ada.people.told(BOB, Decision(agrees=True, at=1), "bob")
    ada.people.forget(BOB)
    ada.refuses(BOB, invite)
    assert ada.people.standing(BOB) == "stranger"
    ada.now += 1
    ada.desk.join(BOB, ada.invite())
    assert ada.agrees_with(BOB)


def test_who_has_the_yes_already_uses_nothing_up(ada: Ada) -> None:
    ada.people.agree(BOB)
    invite = ada.invite()
    ada.desk.join(BOB, invite)
    ada.desk.join(CLEO, invite)
    assert ada.agrees_with(CLEO)


@pytest.mark.parametrize("uses", [1, 2])
def test_it_ends_with_its_time(ada: Ada, uses: int) -> None:
    invite = ada.invite(uses)
    ada.now += HOUR
    ada.refuses(BOB, invite)
    assert ada.desk.all() == []


def test_it_ends_when_it_is_withdrawn_and_who_is_in_stays(ada: Ada) -> None:
    token, invite = ada.desk.issue(2, HOUR)
    ada.desk.join(BOB, Join(token))
    ada.desk.revoke(ada.desk.find(invite_name(invite).upper()))
    ada.refuses(CLEO, Join(token))
    assert ada.agrees_with(BOB)
    with pytest.raises(CrofterError, match="invite ls"):
        ada.desk.find(invite_name(invite))


def test_a_token_that_is_none_gets_the_same_words(ada: Ada) -> None:
    used = ada.invite()
    ada.desk.join(BOB, used)
    assert ada.refuses(MALLORY, Join(bytes(16))) == ada.refuses(MALLORY, used)


def test_what_is_on_disk_is_no_token_and_its_name_says_nothing_of_it(ada: Ada) -> None:
    token, invite = ada.desk.issue(1, HOUR)
    assert token not in (invite.digest, invite.digest[:16])
    assert ada.records.all() == [invite]
    assert invite_name(invite) not in token.hex()
    ada.refuses(MALLORY, Join(invite.digest[:16]))


def test_guesses_leave_nothing_behind(ada: Ada) -> None:
    ada.invite()
    before = ada.desk.all()
    for number in range(1000):
        ada.refuses(NodeId(number.to_bytes(32)), Join(number.to_bytes(16)))
    assert ada.desk.all() == before
    assert ada.people.all() == []


def test_so_many_may_be_open_and_the_used_up_make_room(ada: Ada) -> None:
    invites = [ada.invite() for _ in range(MOST_INVITES)]
    with pytest.raises(CrofterError) as caught:
        ada.invite()
    assert caught.value.code is ErrorCode.CONFLICT
    ada.desk.join(BOB, invites[5])
    ada.desk.join(CLEO, ada.invite())
    assert len(ada.desk.all()) == MOST_INVITES


@pytest.mark.parametrize(
    ("uses", "seconds"), [(0, HOUR), (MOST_USES + 1, HOUR), (1, 0), (1, LONGEST_INVITE_SECONDS + 1)]
)
def test_bounds(ada: Ada, uses: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="a week at most"):
        ada.desk.issue(uses, seconds)


def test_who_came_in_is_said(ada: Ada) -> None:
    token, invite = ada.desk.issue(2, HOUR)
    for node in (BOB, CLEO):
        ada.desk.join(node, Join(token))
        ada.now += 1
    assert [use.node_id for use in ada.desk.uses(invite)] == [BOB, CLEO]
