"""API keys: a name and a hash. The secret itself is never stored."""

import msgspec

from crofter.core import CrofterError, ErrorCode

from .database import Database

_USE_RESOLUTION_SECONDS = 60.0


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as it is kept."""

    name: str
    prefix: str
    digest: bytes
    """SHA-256 of the secret."""
    created_at: float
    last_used_at: float | None = None


class KeyRecords:
    """The table `keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[KeyRecord]:
        """Every key, oldest first."""
        return self._database.read(KeyRecord, "select * from keys order by created_at, name")

    def add(self, record: KeyRecord) -> None:
        """Keep a new key. Raises CONFLICT if the name is taken."""
        with self._database.transaction() as writer:
            if not writer.execute(
                "insert into keys (name, prefix, digest, created_at, last_used_at) values (?, ?, ?, ?, ?)"
                " on conflict (name) do nothing",
                (record.name, record.prefix, record.digest, record.created_at, record.last_used_at),
            ):
                raise CrofterError(
                    ErrorCode.CONFLICT,
                    f"There is already a key called {record.name!r}: revoke it first, or choose another name.",
                    parameter="name",
                )

    def remove(self, name: str) -> KeyRecord:
        """Forget a key; it stops working at once. Raises NOT_FOUND."""
        with self._database.transaction() as writer:
            found = self._database.read(KeyRecord, "select * from keys where name = ?", (name,))
            if not found:
                raise CrofterError(ErrorCode.NOT_FOUND, f"There is no key called {name!r}.", parameter="name")
            writer.execute("delete from keys where name = ?", (name,))
        return found[0]

    def record_use(self, record: KeyRecord, used_at: float) -> None:
        """Remember when the key was last used, to the minute: a write for every request would cost a disk flush each."""
        if record.last_used_at is not None and used_at - record.last_used_at < _USE_RESOLUTION_SECONDS:
            return
        with self._database.transaction() as writer:
            writer.execute("update keys set last_used_at = ? where name = ?", (used_at, record.name))
