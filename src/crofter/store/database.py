"""The one SQLite database: encrypted pages, one writer, numbered migrations. The only file that imports apsw."""

import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self, TypeVar, cast

import apsw
import msgspec

from crofter.core import CrofterError, ErrorCode

from .migrations import MIGRATIONS

Value = None | int | float | str | bytes
Row = TypeVar("Row")

_PLAIN_HEADER = b"SQLite format 3\0"
_BUSY_MILLISECONDS = 5_000


class Writer(Protocol):
    """What may be done inside a transaction."""

    def execute(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Run one statement; returns how many rows it changed."""
        ...


class _Cursor(Protocol):
    def __iter__(self) -> Iterator[tuple[Value, ...]]: ...
    def fetchall(self) -> list[tuple[Value, ...]]: ...
    def get_description(self) -> Sequence[tuple[str, str | None]]: ...


class _Connection(Protocol):
    """The part of apsw.Connection used here; apsw's own types are partly unknown before Python 3.12."""

    @property
    def in_transaction(self) -> bool: ...
    def execute(self, statements: str, bindings: Sequence[Value] = ()) -> _Cursor: ...
    def pragma(self, name: str, value: Value = None) -> Value: ...
    def set_busy_timeout(self, milliseconds: int, /) -> None: ...
    def total_changes(self) -> int: ...
    def close(self) -> None: ...


class _Done(msgspec.Struct, frozen=True):
    number: int


class Database:
    """An open database. Every method may be called from any thread; calls take turns."""

    def __init__(self, path: Path, connection: _Connection) -> None:
        self._path = path
        self._connection = connection
        self._turn = threading.RLock()

    @classmethod
    def open(cls, path: Path, key: bytes) -> Self:
        """Open the database at `path`, made if absent (mode 0600), and bring its tables up to date.

        Raises STORE_FAILED if the key does not fit, the file is damaged or plain, it was made by a newer Crofter, or this build of
        SQLite cannot encrypt; DISK_FULL if there is no room. Nothing is written before encryption is known to be on.
        """
        with _errors_explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = cast("_Connection", apsw.Connection(str(path)))
            try:
                _unlock(connection, path, key)
                database = cls(path, connection)
                database._migrate()
                _require_encrypted_file(path)
            except BaseException:
                connection.close()
                raise
        return database

    def close(self) -> None:
        """Close the file; the database cannot be used afterwards."""
        with self._turn:
            self._connection.close()

    def read(self, kind: type[Row], query: str, values: Sequence[Value] = ()) -> list[Row]:
        """The rows of a query as structs whose fields are the column names. Raises CrofterError STORE_FAILED."""
        with self._turn, _errors_explained(self._path):
            cursor = self._connection.execute(query, tuple(values))
            rows = [dict(zip((name for name, _ in cursor.get_description()), row, strict=True)) for row in cursor]
        return [msgspec.convert(row, kind, strict=False) for row in rows]

    @contextmanager
    def transaction(self) -> Generator[Writer]:
        """All of the block's writes, on disk when it ends, or none of them. Transactions do not nest."""
        with self._turn, _errors_explained(self._path):
            self._connection.execute("begin immediate")
            try:
                yield _Transaction(self._connection)
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                raise

    def _migrate(self) -> None:
        with self.transaction() as writer:
            writer.execute("create table if not exists migrations (number integer primary key, done_at real not null)")
            done = {row.number for row in self.read(_Done, "select number from migrations")}
            if newer := done - set(range(1, len(MIGRATIONS) + 1)):
                raise CrofterError(
                    ErrorCode.STORE_FAILED,
                    f"{self._path} was written by a newer Crofter (migration {max(newer)}): update Crofter to use it.",
                )
            for number, statements in enumerate(MIGRATIONS, start=1):
                if number in done:
                    continue
                for statement in statements:
                    writer.execute(statement)
                writer.execute("insert into migrations values (?, ?)", (number, time.time()))


class _Transaction:
    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Value] = ()) -> int:
        before = self._connection.total_changes()
        self._connection.execute(statement, tuple(values))
        return self._connection.total_changes() - before


def _unlock(connection: _Connection, path: Path, key: bytes) -> None:
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    # A build without encryption ignores the pragma and would write plain pages: it has to say "ok".
    if connection.pragma("hexkey", key.hex()) != "ok":
        raise CrofterError(
            ErrorCode.STORE_FAILED,
            "This SQLite cannot encrypt: the package `apsw` hides `apsw-sqlite3mc`. Uninstall both, then install apsw-sqlite3mc.",
        )
    try:
        connection.execute("select count(*) from sqlite_schema").fetchall()
    except apsw.NotADBError:
        raise CrofterError(
            ErrorCode.STORE_FAILED,
            f"{path} cannot be opened with this key: the key file or passphrase is not the one it was made with, or the file is"
            " damaged. Put the right key back, or move the file away to start with an empty one.",
        ) from None
    connection.pragma("journal_mode", "wal")
    # FULL, not NORMAL: writes are few, and a key or model that was reported as stored must survive a power cut.
    connection.pragma("synchronous", "full")
    connection.pragma("foreign_keys", True)
    # Temporary files would not be encrypted.
    connection.pragma("temp_store", "memory")


def _require_encrypted_file(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(_PLAIN_HEADER)) == _PLAIN_HEADER:
            raise CrofterError(
                ErrorCode.STORE_FAILED, f"{path} is not encrypted: move it away, Crofter will make a new one."
            )


@contextmanager
def _errors_explained(path: Path) -> Generator[None]:
    try:
        yield
    except apsw.FullError as error:
        raise CrofterError(
            ErrorCode.DISK_FULL, f"No room left to write {path}: free some space and try again."
        ) from error
    except (apsw.Error, OSError) as error:
        raise CrofterError(ErrorCode.STORE_FAILED, f"{path} cannot be used: {error}") from error
