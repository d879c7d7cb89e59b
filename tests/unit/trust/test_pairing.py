"""Pairing by id between two books, over the messages that the nodes send."""

from pathlib import Path

import msgspec
import pytest

from crofter.core import NodeId
from crofter.store import Database, PeopleRecords
from crofter.trust import Decision, Identity, Pairing, People, Stance


class Side:
    """One node: its book, and what it says."""

    def __init__(self, folder: Path, name: str) -> None:
        self.node_id = Identity.make().node_id
        self.people = People(PeopleRecords(Database.open(folder / f"{name}.db", bytes(32))), self.node_id)
        self.pairing = Pairing(self.people, lambda: name)

    def tell(self, other: "Side", *, answer_lost: bool = False) -> None:
        """One question over the wire, as the wire carries it."""
        sent = msgspec.msgpack.decode(msgspec.msgpack.encode(self.pairing.stance(other.node_id)), type=Stance)
        answer = other.pairing.answer(self.node_id, sent)
        if not answer_lost:
            self.pairing.heard(other.node_id, answer)


@pytest.fixture
def ada(tmp_path: Path) -> Side:
    return Side(tmp_path, "ada")


@pytest.fixture
def bob(tmp_path: Path) -> Side:
    return Side(tmp_path, "bob")


def standings(ada: Side, bob: Side) -> tuple[str, str]:
    return ada.people.standing(bob.node_id), bob.people.standing(ada.node_id)


def test_one_asks_the_other_accepts(ada: Side, bob: Side) -> None:
    ada.people.agree(bob.node_id)
    ada.tell(bob)
    assert standings(ada, bob) == ("pending", "pending")
    bob.people.agree(ada.node_id)
    bob.tell(ada)
    assert standings(ada, bob) == ("trusted", "trusted")
    assert [person.name for person in (*ada.people.all(), *bob.people.all())] == ["bob", "ada"]


def test_both_ask_at_once(ada: Side, bob: Side) -> None:
    ada.people.agree(bob.node_id)
    bob.people.agree(ada.node_id)
    ada.tell(bob)
    assert standings(ada, bob) == ("trusted", "trusted")


def test_a_lost_answer_is_made_good_by_asking_again(ada: Side, bob: Side) -> None:
    ada.people.agree(bob.node_id)
    bob.people.agree(ada.node_id)
    ada.tell(bob, answer_lost=True)
    assert standings(ada, bob) == ("pending", "trusted")
    ada.tell(bob)
    assert standings(ada, bob) == ("trusted", "trusted")


def test_forgetting_ends_it_for_both_and_nobody_asks_again_by_themselves(ada: Side, bob: Side) -> None:
    test_both_ask_at_once(ada, bob)
    bob.people.forget(ada.node_id)
    bob.tell(ada)
    assert standings(ada, bob) == ("stranger", "stranger")
    assert ada.people.waiting() == []


def test_whom_the_no_did_not_reach_learns_it_when_they_ask(ada: Side, bob: Side) -> None:
    test_both_ask_at_once(ada, bob)
    bob.people.forget(ada.node_id)
    ada.tell(bob)
    assert standings(ada, bob) == ("stranger", "stranger")


def test_a_stranger_learns_neither_our_name_nor_that_they_are_blocked(ada: Side, bob: Side) -> None:
    never_met = bob.pairing.stance(ada.node_id)
    assert never_met == Stance()
    ada.people.agree(bob.node_id)
    bob.people.block(ada.node_id)
    ada.tell(bob)
    assert bob.pairing.stance(ada.node_id).name == ""
    assert standings(ada, bob)[1] == "blocked"


def test_a_name_as_long_as_a_book_is_refused_before_it_is_read() -> None:
    sent = msgspec.msgpack.encode({"name": "x" * 257, "decision": [True, 1, 0]})
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(sent, type=Stance)


def test_a_decision_from_before_time_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"decision": [True, -1, 0]}, Stance)


def test_a_yes_from_the_end_of_time_binds_only_who_said_it(ada: Side, bob: Side) -> None:
    mallory = NodeId(b"m" * 32)
    ada.pairing.heard(mallory, Stance(decision=Decision(True, 2**63 - 1)))
    assert ada.people.standing(mallory) == "pending"
    ada.people.forget(mallory)
    ada.pairing.heard(mallory, Stance(decision=Decision(True, 2**63 - 1)))
    assert ada.people.standing(mallory) == "stranger"
