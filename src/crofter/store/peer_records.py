"""Nodes that this one has heard of, how often reaching them worked, and which of them are dead: what a restart must not forget."""

from collections.abc import Iterable

import msgspec

from crofter.core import NodeId

from .database import Database


class CachedPeer(msgspec.Struct, frozen=True, kw_only=True):
    """One node, or the tombstone of one."""

    node_id: NodeId
    content: bytes
    """Its signed record as it came, whose shape belongs to the room `network`; empty under a tombstone."""
    sequence: int
    """The record's, or of a dead node the last one known: Unix milliseconds."""
    expires_at: int
    """The record's: Unix seconds."""
    taught_by: NodeId
    """Who brought the record; the node's own id if it came itself."""
    last_ok: float | None = None
    """When a connection last worked, in Unix seconds; None: never."""
    fails: int = 0
    """How many attempts failed since."""
    round_trip_ms: float | None = None
    dead_at: float | None = None
    """When it was given up, in Unix seconds."""


class PeerRecords:
    """The table `peers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[CachedPeer]:
        """Those last reached first, then those never reached, newest record first."""
        return self._database.read(
            CachedPeer, "select * from peers order by last_ok desc nulls last, sequence desc, node_id"
        )

    def change(self, saved: Iterable[CachedPeer], forgotten: Iterable[NodeId]) -> None:
        """Add or replace some and drop others, all of it or nothing."""
        with self._database.transaction() as writer:
            for node_id in forgotten:
                writer.execute("delete from peers where node_id = ?", (node_id,))
            for peer in saved:
                writer.execute(
                    "insert or replace into peers (node_id, content, sequence, expires_at, taught_by, last_ok, fails,"
                    " round_trip_ms, dead_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    msgspec.structs.astuple(peer),
                )
