from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.store import Database, ProviderRecord, ProviderRecords


@pytest.fixture
def records(tmp_path: Path) -> ProviderRecords:
    return ProviderRecords(Database.open(tmp_path / "node.db", bytes(32)))


def record(name: str, settings: str = "{}") -> ProviderRecord:
    return ProviderRecord(name=name, settings=settings)


def test_providers_come_back_in_the_order_they_were_added(records: ProviderRecords) -> None:
    records.add(record("z"), "key of z")
    records.add(record("a"), "")
    assert records.all() == [record("z"), record("a")]
    assert (records.secret("z"), records.secret("a"), records.secret("nobody")) == ("key of z", "", "")


def test_a_taken_name_is_a_conflict_and_keeps_the_first(records: ProviderRecords) -> None:
    records.add(record("a"), "first")
    with pytest.raises(CrofterError) as caught:
        records.add(record("a"), "second")
    assert caught.value.code is ErrorCode.CONFLICT
    assert records.secret("a") == "first"


def test_a_key_stays_unless_another_is_given(records: ProviderRecords) -> None:
    records.add(record("a"), "first")
    records.save(record("a", '{"x": 1}'), None)
    assert records.all() == [record("a", '{"x": 1}')]
    assert records.secret("a") == "first"
    records.save(record("a"), "second")
    assert records.secret("a") == "second"


def test_a_removed_provider_leaves_nothing(records: ProviderRecords) -> None:
    records.add(record("a"), "key")
    records.remove("a")
    assert records.all() == []
    assert records.secret("a") == ""
