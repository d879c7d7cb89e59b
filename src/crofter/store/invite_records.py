"""Invites that this node has given out, and the network that they lead to. Of a token only its hash is kept."""

import msgspec

from crofter.core import NodeId

from .database import Database


class InviteRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One invite."""

    digest: bytes
    """SHA-256 of its token."""
    made_at: float
    """Unix seconds."""
    expires_at: float
    uses_left: int


class InviteUse(msgspec.Struct, frozen=True, kw_only=True):
    """A node that was let in by an invite."""

    node_id: NodeId
    used_at: float


class InviteRecords:
    """The tables `invites` and `invite_uses`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[InviteRecord]:
        """Every invite, oldest first."""
        return self._database.read(InviteRecord, "select * from invites order by made_at, digest")

    def uses(self, digest: bytes) -> list[InviteUse]:
        """Who was let in by one, in order."""
        query = "select node_id, used_at from invite_uses where digest = ? order by used_at, node_id"
        return self._database.read(InviteUse, query, (digest,))

    def add(self, record: InviteRecord) -> None:
        """Keep one more."""
        with self._database.transaction() as writer:
            writer.execute(
                "insert into invites (digest, made_at, expires_at, uses_left) values (?, ?, ?, ?)",
                msgspec.structs.astuple(record),
            )

    def remove(self, digest: bytes) -> None:
        """Keep nothing of it."""
        with self._database.transaction() as writer:
            writer.execute("delete from invites where digest = ?", (digest,))

    def remove_expired(self, now: float) -> None:
        """Keep nothing of those that are out of date."""
        with self._database.transaction() as writer:
            writer.execute("delete from invites where expires_at <= ?", (now,))

    def use(self, digest: bytes, node_id: NodeId, now: float) -> bool:
        """Let a node in by an invite that holds and has a use left: the use and its user are on disk when this returns True."""
        with self._database.transaction() as writer:
            holds = "update invites set uses_left = uses_left - 1 where digest = ? and uses_left > 0 and expires_at > ?"
            if not writer.execute(holds, (digest, now)):
                return False
            writer.execute("insert into invite_uses values (?, ?, ?)", (digest, node_id, now))
        return True


class _Secret(msgspec.Struct, frozen=True):
    secret: bytes


class NetworkRecords:
    """The table `network`: at most one row, the secret of the private network that this node is in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def secret(self) -> bytes:
        """Empty in the open network."""
        return next((row.secret for row in self._database.read(_Secret, "select secret from network")), b"")

    def change(self, secret: bytes) -> None:
        """Be in another network: invites to the one before end with it, and who was heard of there is forgotten."""
        with self._database.transaction() as writer:
            writer.execute("delete from network")
            writer.execute("delete from invites")
            writer.execute("delete from peers")
            if secret:
                writer.execute("insert into network (only, secret) values (1, ?)", (secret,))
