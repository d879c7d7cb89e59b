from collections.abc import Generator
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.node.keys import KeyRing, same_secret
from crofter.store import Database, KeyRecords


@pytest.fixture
def records(tmp_path: Path) -> Generator[KeyRecords]:
    database = Database.open(tmp_path / "crofter.db", b"k" * 32)
    yield KeyRecords(database)
    database.close()


def test_a_created_key_is_accepted_and_others_are_not(records: KeyRecords) -> None:
    ring = KeyRing(records)
    secret = ring.create("laptop").secret
    assert secret.startswith("crofter-")
    assert len(secret) > 40
    assert ring.accepts(secret)
    assert not ring.accepts(secret + "x")
    assert not ring.accepts("")
    assert not ring.accepts("\udc80")


def test_keys_outlive_the_node(records: KeyRecords) -> None:
    secret = KeyRing(records).create("laptop").secret
    assert KeyRing(records).accepts(secret)


def test_the_secret_is_not_kept(records: KeyRecords) -> None:
    secret = KeyRing(records).create("laptop").secret
    record = records.all()[0]
    assert secret.encode() not in record.digest
    assert secret.startswith(record.prefix)
    assert len(record.prefix) < 20


def test_a_revoked_key_stops_working_at_once(records: KeyRecords) -> None:
    ring = KeyRing(records)
    secret = ring.create("laptop").secret
    ring.revoke("laptop")
    assert not ring.accepts(secret)
    assert ring.empty


def test_a_use_is_recorded(records: KeyRecords) -> None:
    ring = KeyRing(records)
    ring.accepts(ring.create("laptop").secret)
    assert ring.all()[0].last_used_at is not None


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "x" * 65])
def test_a_name_that_cannot_be_shown_or_addressed_is_refused(records: KeyRecords, name: str) -> None:
    with pytest.raises(CrofterError) as refused:
        KeyRing(records).create(name)
    assert refused.value.code is ErrorCode.INVALID_REQUEST


def test_a_name_is_used_once(records: KeyRecords) -> None:
    ring = KeyRing(records)
    ring.create("laptop")
    with pytest.raises(CrofterError) as refused:
        ring.create("laptop")
    assert refused.value.code is ErrorCode.CONFLICT


def test_secrets_are_compared_whole() -> None:
    assert same_secret("abc", "abc")
    assert not same_secret("abc", "abcd")
