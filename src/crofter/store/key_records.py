"""API keys: a name, a hash and what it allows. The secret itself is never stored."""

import msgspec

from crofter.core import CrofterError, ErrorCode

from .database import Database


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as it is kept."""

    name: str
    prefix: str
    digest: bytes
    """SHA-256 of the secret."""
    created_at: float
    last_used_at: float | None = None
    policy: str
    """JSON; its shape belongs to whoever checks the keys."""


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
                "insert into keys (name, prefix, digest, created_at, last_used_at, policy) values (?, ?, ?, ?, ?, ?)"
                " on conflict (name) do nothing",
                (record.name, record.prefix, record.digest, record.created_at, record.last_used_at, record.policy),
            ):
                raise CrofterError(
                    ErrorCode.CONFLICT,
                    f"There is already a key called {record.name!r}: revoke it first, or choose another name.",
                    parameter="name",
                )

    def change_policy(self, name: str, policy: str) -> None:
        """Replace the policy of a key that is there."""
        with self._database.transaction() as writer:
            writer.execute("update keys set policy = ? where name = ?", (policy, name))

    def remove(self, name: str) -> None:
        """Forget a key that is there, and what was used with it; it stops working at once."""
        with self._database.transaction() as writer:
            writer.execute("delete from keys where name = ?", (name,))
