"""Limits of a key: what is left, how long to wait, what to say. Pure: the time comes in, nothing is remembered here."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from crofter.api import LimitPeriod, LimitUnit, Room
from crofter.core import CrofterError, ErrorCode

_MINUTE_SECONDS = 60.0
_ROUNDING = 1e-6
"""Whoever waits as long as they are told gets what they waited for, whatever floating point made of it."""


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A token bucket: holds a minute's worth, fills evenly, and is in debt when more was taken than was there.

    So no span of s seconds admits more than per_minute * (1 + s / 60).
    """

    unit: LimitUnit
    per_minute: int
    level: float
    at: float
    """When the level was this, in Unix seconds."""

    @classmethod
    def full(cls, unit: LimitUnit, per_minute: int, now: float) -> "Bucket":
        return cls(unit=unit, per_minute=per_minute, level=per_minute, at=now)

    def less(self, amount: int, now: float) -> "Bucket":
        """With so much taken out, or put back if below zero."""
        return msgspec.structs.replace(self, level=min(self._level(now) - amount, self.per_minute), at=now)

    def room(self, now: float) -> Room:
        """What is left."""
        level, per_second = self._level(now), self.per_minute / _MINUTE_SECONDS
        return Room(
            unit=self.unit,
            period="minute",
            limit=self.per_minute,
            remaining=level,
            whole_in_seconds=(self.per_minute - level) / per_second,
            per_second=per_second,
        )

    def _level(self, now: float) -> float:
        # A clock that was set back fills nothing, and the bucket goes on from there.
        passed_seconds = max(0.0, now - self.at)
        return min(self.per_minute, self.level + passed_seconds * self.per_minute / _MINUTE_SECONDS)


def day_of(now: float) -> str:
    """The day in UTC, as 2026-01-31; its first seven characters are the month."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def day_before(now: float, days: int) -> str:
    """The day that many days before."""
    return day_of(now - days * 86_400)


def calendar_room(period: LimitPeriod, limit: int, used: int, now: float) -> Room:
    """What is left of a day's or a month's tokens; all comes back when it ends."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = today + timedelta(days=1)
    if period == "month":
        end = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    return Room(
        unit="tokens", period=period, limit=limit, remaining=limit - used, whole_in_seconds=end.timestamp() - now
    )


def wait_seconds(room: Room, amount: int) -> float:
    """How long until there is room for so much; 0: there is now. The amount is within the limit."""
    missing = amount - room.remaining
    if missing <= _ROUNDING:
        return 0.0
    return missing / room.per_second if room.per_second else room.whole_in_seconds


def refusal(rooms: Iterable[Room], unit: LimitUnit, amount: int) -> CrofterError | None:
    """Why so much is not allowed now: REQUEST_TOO_LARGE if it never will be, RATE_LIMITED with the time to wait; None: it is allowed."""
    concerned = [room for room in rooms if room.unit == unit]
    for room in concerned:
        if amount > room.limit:
            message = f"the prompt has {amount:,} tokens, and {_limit(room)}"
            return CrofterError(ErrorCode.REQUEST_TOO_LARGE, message)
    waits = {wait_seconds(room, amount): room for room in concerned}
    longest = max(waits, default=0.0)
    if longest <= 0:
        return None
    room = waits[longest]
    left = f" and {max(0, math.floor(room.remaining)):,} are left" if unit == "tokens" else ""
    needed = f", but the prompt has {amount:,}" if amount > 1 else ""
    when = {"minute": f"in {math.ceil(longest)} s", "day": "at midnight UTC", "month": "when the month ends (UTC)"}
    return CrofterError(
        ErrorCode.RATE_LIMITED,
        f"{_limit(room)}{left}{needed}; there is room again {when[room.period]}",
        retry_after_seconds=longest,
    )


def _limit(room: Room) -> str:
    return f"the limit of this key is {room.limit:,} {room.unit} a {room.period}"
