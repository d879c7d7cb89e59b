from pathlib import Path

import pytest

from crofter.store import Database, PeopleRecords, PoolRecords


@pytest.mark.parametrize("table", [PeopleRecords, PoolRecords])
def test_people_and_pools_are_kept_replaced_and_removed(
    tmp_path: Path, table: type[PeopleRecords] | type[PoolRecords]
) -> None:
    records = table(Database.open(tmp_path / "node.db", bytes(32)))
    records.save(b"b", "1")
    records.save(b"a", "2")
    records.save(b"b", "3")
    assert records.all() == ["2", "3"]
    records.remove(b"a")
    assert records.all() == ["3"]


def test_people_and_pools_are_apart(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "node.db", bytes(32))
    PeopleRecords(database).save(b"a", "1")
    assert PoolRecords(database).all() == []
