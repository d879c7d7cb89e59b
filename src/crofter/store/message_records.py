"""Messages of other nodes' owners, the newest of them."""

import msgspec

from crofter.core import NodeId

from .database import Database

_KEPT = 1_000
_KEPT_OF_ONE = 200


class MessageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One that was received."""

    node_id: NodeId
    """Whose."""
    message_id: bytes
    """Chosen by the sender."""
    text: str
    received_at: float
    """Unix seconds."""


class MessageRecords:
    """The table `messages`: at most 1,000, and 200 of one node; the oldest go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, limit: int) -> list[MessageRecord]:
        """The last so many, oldest first."""
        newest = "select * from messages order by received_at desc, rowid desc limit ?"
        return self._database.read(MessageRecord, newest, (limit,))[::-1]

    def add(self, record: MessageRecord) -> None:
        """Keep one more. One that is there already is kept as it was."""
        with self._database.transaction() as writer:
            writer.execute(
                "insert into messages (node_id, message_id, text, received_at) values (?, ?, ?, ?) on conflict do nothing",
                (record.node_id, record.message_id, record.text, record.received_at),
            )
            oldest = "delete from messages where rowid in (select rowid from messages {} order by rowid desc limit -1 offset ?)"
            writer.execute(oldest.format("where node_id = ?"), (record.node_id, _KEPT_OF_ONE))
            writer.execute(oldest.format(""), (_KEPT,))
