"""What owners said of where nodes are."""

from pathlib import Path

import pytest

from crofter.core import NodeId
from crofter.network import PeerAddress
from crofter.node.whereabouts import Whereabouts
from crofter.store import Database, PeopleRecords
from crofter.trust import People

ADA, BOB = NodeId(bytes([1]) * 32), NodeId(bytes([2]) * 32)


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(PeopleRecords(Database.open(tmp_path / "node.db", bytes(32))), ADA)


def test_what_was_said_last_holds_and_the_book_knows_the_rest(people: People) -> None:
    where = Whereabouts(people)
    assert where.addresses_of(BOB) is None
    people.agree(BOB, addresses=("192.0.2.1:1",))
    assert where.addresses_of(BOB) == PeerAddress(node_id=BOB, addresses=("192.0.2.1:1",))
    assert where.say(BOB, ["192.0.2.2:2"], "https://relay.example") == ("192.0.2.2:2",)
    said = PeerAddress(node_id=BOB, addresses=("192.0.2.2:2",), relay_url="https://relay.example")
    assert where.addresses_of(BOB) == said
    assert where.say(BOB, ["192.0.2.2:2"]) == ("192.0.2.2:2",)
    assert where.addresses_of(BOB) == said


def test_a_relay_alone_is_a_place_too(people: People) -> None:
    where = Whereabouts(people)
    where.say(BOB, [], "https://relay.example")
    assert where.addresses_of(BOB) == PeerAddress(node_id=BOB, relay_url="https://relay.example")
