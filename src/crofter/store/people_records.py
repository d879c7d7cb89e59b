"""The nodes this one knows, and the pools it is in. What is kept of each is JSON, whose shape belongs to the room `trust`."""

import msgspec

from .database import Database


class PersonRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One node as it is kept."""

    node_id: bytes
    facts: str


class PoolRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One pool as it is kept."""

    pool_id: bytes
    facts: str


class PeopleRecords:
    """The table `people`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[PersonRecord]:
        """Every node, by its id."""
        return self._database.read(PersonRecord, "select node_id, facts from people order by node_id")

    def save(self, record: PersonRecord) -> None:
        """Keep a new one, or what is known now of one that is there."""
        with self._database.transaction() as writer:
            writer.execute(
                "insert into people (node_id, facts) values (?, ?) on conflict (node_id) do update set facts = excluded.facts",
                (record.node_id, record.facts),
            )

    def remove(self, node_id: bytes) -> None:
        """Keep nothing of a node."""
        with self._database.transaction() as writer:
            writer.execute("delete from people where node_id = ?", (node_id,))


class PoolRecords:
    """The table `pools`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[PoolRecord]:
        """Every pool, by its id."""
        return self._database.read(PoolRecord, "select pool_id, facts from pools order by pool_id")

    def save(self, record: PoolRecord) -> None:
        """Keep a new one, or what is known now of one that is there."""
        with self._database.transaction() as writer:
            writer.execute(
                "insert into pools (pool_id, facts) values (?, ?) on conflict (pool_id) do update set facts = excluded.facts",
                (record.pool_id, record.facts),
            )

    def remove(self, pool_id: bytes) -> None:
        """Keep nothing of a pool."""
        with self._database.transaction() as writer:
            writer.execute("delete from pools where pool_id = ?", (pool_id,))
