from pathlib import Path

import pytest

from crofter.core import NodeId
from crofter.store import Database, InviteRecord, InviteRecords, InviteUse, NetworkRecords

ADA, BOB = NodeId(b"a" * 32), NodeId(b"b" * 32)
SECRET, OTHER_SECRET = bytes([7]) * 32, bytes([8]) * 32


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.open(tmp_path / "node.db", bytes(32))


def invite(name: bytes = b"one", uses_left: int = 1, expires_at: float = 100.0) -> InviteRecord:
    return InviteRecord(digest=name, made_at=1.0, expires_at=expires_at, uses_left=uses_left)


def test_an_invite_is_used_as_often_as_it_may_be_and_says_by_whom(database: Database) -> None:
    records = InviteRecords(database)
    records.add(invite(uses_left=2))
    assert records.use(b"one", ADA, 10.0)
    assert records.use(b"one", BOB, 11.0)
    assert not records.use(b"one", NodeId(b"c" * 32), 12.0)
    assert records.uses(b"one") == [InviteUse(node_id=ADA, used_at=10.0), InviteUse(node_id=BOB, used_at=11.0)]
    assert records.all() == [invite(uses_left=0)]


def test_what_is_out_of_date_or_unknown_is_not_used(database: Database) -> None:
    records = InviteRecords(database)
    records.add(invite())
    assert not records.use(b"one", ADA, 100.0)
    assert not records.use(b"other", ADA, 1.0)
    assert records.uses(b"one") == []


def test_nothing_is_kept_of_what_is_removed_or_out_of_date(database: Database) -> None:
    records = InviteRecords(database)
    for name, expires_at in ((b"one", 100.0), (b"two", 200.0), (b"three", 300.0)):
        records.add(invite(name, expires_at=expires_at))
        records.use(name, ADA, 1.0)
    records.remove_expired(100.0)
    records.remove(b"two")
    assert [each.digest for each in records.all()] == [b"three"]
    assert records.uses(b"one") == records.uses(b"two") == []


def test_a_node_is_in_one_network_and_invites_to_another_end(database: Database) -> None:
    networks, invites = NetworkRecords(database), InviteRecords(database)
    assert networks.secret() == b""
    networks.change(SECRET)
    invites.add(invite())
    networks.change(OTHER_SECRET)
    assert (networks.secret(), invites.all()) == (OTHER_SECRET, [])
    networks.change(b"")
    assert networks.secret() == b""
