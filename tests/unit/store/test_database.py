import threading
from pathlib import Path

import apsw
import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.store import Database, Writer, database, migrations

KEY = bytes(range(32))


class Counted(msgspec.Struct):
    total: int


class Named(msgspec.Struct):
    name: str
    digest: bytes


def add_key(writer: Writer, name: str) -> int:
    return writer.execute(
        "insert into keys (name, prefix, digest, created_at) values (?, ?, ?, ?)", (name, "cr-", name.encode(), 1.0)
    )


def count_keys(store: Database) -> int:
    return store.read(Counted, "select count(*) as total from keys")[0].total


def test_nothing_written_can_be_read_in_the_files(tmp_path: Path) -> None:
    store = Database.open(tmp_path / "node.db", KEY)
    with store.transaction() as writer:
        add_key(writer, "a-very-secret-name")
    contents = [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(contents) >= 2, "the write-ahead log should be there too"
    for content in contents:
        assert b"SQLite format 3" not in content
        assert b"a-very-secret-name" not in content
        assert b"create table" not in content


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    store = Database.open(tmp_path / "node.db", KEY)
    with store.transaction() as writer:
        assert add_key(writer, "one") == 1
    store.close()
    again = Database.open(tmp_path / "node.db", KEY)
    assert again.read(Named, "select name, digest from keys where name = ?", ("one",)) == [Named("one", b"one")]


def test_the_file_is_for_the_owner_only(tmp_path: Path) -> None:
    Database.open(tmp_path / "deep" / "node.db", KEY)
    assert (tmp_path / "deep" / "node.db").stat().st_mode & 0o777 == 0o600


def test_a_wrong_key_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    Database.open(path, KEY).close()
    before = path.read_bytes()
    with pytest.raises(CrofterError, match="key") as caught:
        Database.open(path, bytes(32))
    assert caught.value.code is ErrorCode.STORE_FAILED
    assert path.read_bytes() == before
    Database.open(path, KEY)


def test_a_plain_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    plain = apsw.Connection(str(path))
    plain.execute("create table secrets (text)")
    plain.close()
    with pytest.raises(CrofterError) as caught:
        Database.open(path, KEY)
    assert caught.value.code is ErrorCode.STORE_FAILED


class PlainConnection(apsw.Connection):
    """A SQLite without encryption: it has never heard of the pragma, so it says nothing."""

    def pragma(self, name: str, value: object = None, *, schema: str | None = None) -> object:
        return None if name == "hexkey" else super().pragma(name)


def test_a_sqlite_that_cannot_encrypt_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.apsw, "Connection", PlainConnection)
    with pytest.raises(CrofterError, match="cannot encrypt"):
        Database.open(tmp_path / "node.db", KEY)
    assert (tmp_path / "node.db").stat().st_size == 0


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"\0" * 4096])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "node.db").write_bytes(content)
    with pytest.raises(CrofterError) as caught:
        Database.open(tmp_path / "node.db", KEY)
    assert caught.value.code is ErrorCode.STORE_FAILED


def test_a_place_that_cannot_be_written_is_an_explained_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CrofterError) as caught:
        Database.open(tmp_path / "file" / "node.db", KEY)
    assert caught.value.code is ErrorCode.STORE_FAILED


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Database.open(tmp_path / "node.db", KEY)

    def interrupted() -> None:
        with store.transaction() as writer:
            add_key(writer, "one")
            assert count_keys(store) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert count_keys(store) == 0
    with store.transaction() as writer:
        add_key(writer, "two")
    assert count_keys(store) == 1


def test_a_broken_rule_of_the_tables_is_a_crofter_error(tmp_path: Path) -> None:
    store = Database.open(tmp_path / "node.db", KEY)
    with pytest.raises(CrofterError) as caught, store.transaction() as writer:
        writer.execute("insert into model_names values ('name', 'no such model', 1.0)")
    assert caught.value.code is ErrorCode.STORE_FAILED


def test_threads_take_turns(tmp_path: Path) -> None:
    store = Database.open(tmp_path / "node.db", KEY)

    def write(worker: int) -> None:
        for each in range(10):
            with store.transaction() as writer:
                add_key(writer, f"{worker}-{each}")
            count_keys(store)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert count_keys(store) == 60


def test_a_new_migration_runs_once_and_keeps_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "node.db"
    store = Database.open(path, KEY)
    with store.transaction() as writer:
        add_key(writer, "one")
    store.close()
    more = (*migrations.MIGRATIONS, ("alter table keys add column note text not null default 'none'",))
    monkeypatch.setattr(database, "MIGRATIONS", more)
    for _ in range(2):
        store = Database.open(path, KEY)
        assert store.read(Counted, "select count(*) as total from keys where note = 'none'") == [Counted(1)]
        store.close()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "node.db"
    Database.open(path, KEY).close()
    monkeypatch.setattr(database, "MIGRATIONS", ())
    with pytest.raises(CrofterError, match="newer Crofter"):
        Database.open(path, KEY)


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "node.db"
    Database.open(path, KEY).close()
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*migrations.MIGRATIONS, ("drop table keys", "no such statement")))
        with pytest.raises(CrofterError):
            Database.open(path, KEY)
    assert count_keys(Database.open(path, KEY)) == 0
