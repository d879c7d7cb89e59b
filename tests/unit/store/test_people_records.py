from pathlib import Path

import pytest

from crofter.store import Database, PeopleRecords, PersonRecord, PoolRecord, PoolRecords


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.open(tmp_path / "node.db", bytes(32))


def test_people_are_kept_replaced_and_removed(database: Database) -> None:
    records = PeopleRecords(database)
    records.save(PersonRecord(node_id=b"b", facts="1"))
    records.save(PersonRecord(node_id=b"a", facts="2"))
    records.save(PersonRecord(node_id=b"b", facts="3"))
    assert records.all() == [PersonRecord(node_id=b"a", facts="2"), PersonRecord(node_id=b"b", facts="3")]
    records.remove(b"a")
    assert records.all() == [PersonRecord(node_id=b"b", facts="3")]


def test_pools_are_kept_replaced_and_removed(database: Database) -> None:
    records = PoolRecords(database)
    records.save(PoolRecord(pool_id=b"p", facts="1"))
    records.save(PoolRecord(pool_id=b"p", facts="2"))
    assert records.all() == [PoolRecord(pool_id=b"p", facts="2")]
    records.remove(b"p")
    assert records.all() == []
