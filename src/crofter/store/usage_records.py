"""What was used with each API key, a row a day."""

from collections.abc import Sequence

import msgspec

from .database import Database


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One day of one key."""

    day: str
    """In UTC, as 2026-01-31."""
    name: str
    requests: int = 0
    errors: int = 0
    """Requests that were refused or failed; the refused ones are not among `requests`."""
    prompt_tokens: int = 0
    """Those that the prefix cache held included."""
    cached_tokens: int = 0
    completion_tokens: int = 0

    @property
    def tokens(self) -> int:
        """What counts against limits: read and written."""
        return self.prompt_tokens + self.completion_tokens


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """What is new about one key: days as they stand now, and when it was last used."""

    name: str
    last_used_at: float | None
    days: tuple[UsageRecord, ...]


class UsageRecords:
    """The table `key_usage`, and when keys were used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, day: str) -> list[UsageRecord]:
        """All keys' days from this one on, in order."""
        return self._database.read(UsageRecord, "select * from key_usage where day >= ? order by day, name", (day,))

    def save(self, uses: Sequence[KeyUse], *, oldest_day: str) -> None:
        """Write what is new, in one transaction, and forget days before the oldest. Keys that are gone are passed over."""
        with self._database.transaction() as writer:
            for use in uses:
                if not writer.execute("update keys set last_used_at = ? where name = ?", (use.last_used_at, use.name)):
                    continue
                for day in use.days:
                    writer.execute(
                        "insert or replace into key_usage"
                        " (day, name, requests, errors, prompt_tokens, cached_tokens, completion_tokens)"
                        " values (?, ?, ?, ?, ?, ?, ?)",
                        msgspec.structs.astuple(day),
                    )
            writer.execute("delete from key_usage where day < ?", (oldest_day,))
