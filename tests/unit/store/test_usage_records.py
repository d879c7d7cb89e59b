from pathlib import Path

import pytest

from crofter.store import Database, KeyRecord, KeyRecords, KeyUse, UsageRecord, UsageRecords


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database.open(tmp_path / "node.db", bytes(32))
    keys = KeyRecords(database)
    for name in ("laptop", "phone"):
        keys.add(KeyRecord(name=name, prefix="cr-", digest=name.encode(), created_at=1.0, policy="{}"))
    return database


def use(name: str, *days: str, requests: int = 1) -> KeyUse:
    records = tuple(UsageRecord(day=day, name=name, requests=requests, prompt_tokens=3) for day in days)
    return KeyUse(name=name, last_used_at=7.0, days=records)


def test_days_come_back_in_order_from_the_first_asked_for(database: Database) -> None:
    usage = UsageRecords(database)
    uses = [use("phone", "2026-01-02", "2026-01-03"), use("laptop", "2026-01-03", "2025-12-31")]
    usage.save(uses, oldest_day="2025-01-01")
    found = [(day.day, day.name) for day in usage.since("2026-01-01")]
    assert found == [("2026-01-02", "phone"), ("2026-01-03", "laptop"), ("2026-01-03", "phone")]
    assert usage.since("2026-01-02")[0] == UsageRecord(day="2026-01-02", name="phone", requests=1, prompt_tokens=3)


def test_a_day_is_replaced_by_how_it_stands_now(database: Database) -> None:
    usage = UsageRecords(database)
    usage.save([use("phone", "2026-01-02")], oldest_day="2025-01-01")
    usage.save([use("phone", "2026-01-02", requests=5)], oldest_day="2025-01-01")
    assert [day.requests for day in usage.since("2026-01-01")] == [5]


def test_when_a_key_was_used_last_is_kept(database: Database) -> None:
    UsageRecords(database).save([use("phone")], oldest_day="2025-01-01")
    assert {key.name: key.last_used_at for key in KeyRecords(database).all()} == {"laptop": None, "phone": 7.0}


def test_a_key_that_is_gone_takes_its_days_along_and_gets_no_more(database: Database) -> None:
    usage = UsageRecords(database)
    usage.save([use("phone", "2026-01-02")], oldest_day="2025-01-01")
    KeyRecords(database).remove("phone")
    usage.save([use("phone", "2026-01-03"), use("laptop", "2026-01-03")], oldest_day="2025-01-01")
    assert [day.name for day in usage.since("2026-01-01")] == ["laptop"]


def test_days_before_the_oldest_are_forgotten(database: Database) -> None:
    usage = UsageRecords(database)
    usage.save([use("phone", "2025-01-01", "2025-01-02")], oldest_day="2024-01-01")
    usage.save([], oldest_day="2025-01-02")
    assert [day.day for day in usage.since("2024-01-01")] == ["2025-01-02"]
