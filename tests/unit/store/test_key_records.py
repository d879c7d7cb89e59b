from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.store import Database, KeyRecord, KeyRecords


@pytest.fixture
def records(tmp_path: Path) -> KeyRecords:
    return KeyRecords(Database.open(tmp_path / "node.db", bytes(32)))


def key(name: str, created_at: float = 1.0) -> KeyRecord:
    return KeyRecord(name=name, prefix="cr-1234", digest=name.encode() * 8, created_at=created_at, policy="{}")


def test_keys_come_back_as_they_were_oldest_first(records: KeyRecords) -> None:
    records.add(key("later", 2.0))
    records.add(key("first", 1.0))
    assert records.all() == [key("first", 1.0), key("later", 2.0)]


def test_a_taken_name_is_a_conflict_and_keeps_the_first(records: KeyRecords) -> None:
    records.add(key("laptop"))
    with pytest.raises(CrofterError) as caught:
        records.add(KeyRecord(name="laptop", prefix="cr-9999", digest=b"another", created_at=5.0, policy="{}"))
    assert caught.value.code is ErrorCode.CONFLICT
    assert records.all() == [key("laptop")]


def test_a_removed_key_is_gone(records: KeyRecords) -> None:
    records.add(key("laptop"))
    records.remove("laptop")
    assert records.all() == []


def test_a_changed_policy_replaces_the_old_one(records: KeyRecords) -> None:
    records.add(key("laptop"))
    records.add(key("phone", 2.0))
    records.change_policy("laptop", '{"radius":"public"}')
    assert [record.policy for record in records.all()] == ['{"radius":"public"}', "{}"]
