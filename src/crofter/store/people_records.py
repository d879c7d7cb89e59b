"""The nodes this one knows, and the pools it is in. What is kept of each is JSON, whose shape belongs to the room `trust`."""

import msgspec

from .database import Database


class _Facts(msgspec.Struct, frozen=True):
    facts: str


class _FactRecords:
    """A table of facts by id."""

    def __init__(self, database: Database, table: str, key: str) -> None:
        """The names of the table and of its key are ours."""
        self._database = database
        self._all = f"select facts from {table} order by {key}"  # noqa: S608
        self._save = (
            f"insert into {table} ({key}, facts) values (?, ?) on conflict ({key}) do update set facts = excluded.facts"  # noqa: S608
        )
        self._remove = f"delete from {table} where {key} = ?"  # noqa: S608

    def all(self) -> list[str]:
        """The facts of each, by id."""
        return [record.facts for record in self._database.read(_Facts, self._all)]

    def save(self, key: bytes, facts: str) -> None:
        """Keep a new one, or what is known now of one that is there."""
        with self._database.transaction() as writer:
            writer.execute(self._save, (key, facts))

    def remove(self, key: bytes) -> None:
        """Keep nothing of one."""
        with self._database.transaction() as writer:
            writer.execute(self._remove, (key,))


class PeopleRecords(_FactRecords):
    """The table `people`, by id of node."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "people", "node_id")


class PoolRecords(_FactRecords):
    """The table `pools`, by id of pool."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "pools", "pool_id")
