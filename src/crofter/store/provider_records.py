"""Servers of others that the owner has added, and the keys to them: in the encrypted database and nowhere else."""

import msgspec

from crofter.core import CrofterError, ErrorCode

from .database import Database


class ProviderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as it is kept, without its key."""

    name: str
    settings: str
    """JSON; its shape belongs to the room `providers`."""


class _Secret(msgspec.Struct, frozen=True):
    secret: str


class ProviderRecords:
    """The table `providers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[ProviderRecord]:
        """In the order they were added in."""
        return self._database.read(ProviderRecord, "select name, settings from providers order by position")

    def secret(self, name: str) -> str:
        """The key to a provider; empty if it has none or is not there."""
        found = self._database.read(_Secret, "select secret from providers where name = ?", (name,))
        return found[0].secret if found else ""

    def add(self, record: ProviderRecord, secret: str) -> None:
        """Keep a new one. Raises CONFLICT if the name is taken."""
        with self._database.transaction() as writer:
            if not writer.execute(
                "insert into providers (name, position, settings, secret)"
                " values (?, (select coalesce(max(position), 0) + 1 from providers), ?, ?) on conflict (name) do nothing",
                (record.name, record.settings, secret),
            ):
                raise CrofterError(
                    ErrorCode.CONFLICT, f"There is a provider called {record.name!r} already.", parameter="name"
                )

    def save(self, record: ProviderRecord, secret: str | None) -> None:
        """Replace one that is there; a secret of None stays as it is."""
        with self._database.transaction() as writer:
            writer.execute("update providers set settings = ? where name = ?", (record.settings, record.name))
            if secret is not None:
                writer.execute("update providers set secret = ? where name = ?", (secret, record.name))

    def remove(self, name: str) -> None:
        """Forget one with its key."""
        with self._database.transaction() as writer:
            writer.execute("delete from providers where name = ?", (name,))
