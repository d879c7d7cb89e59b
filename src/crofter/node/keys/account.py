"""One key at work: what it may still do and what it did. In memory; `ring` writes it down."""

import time
from collections.abc import Callable, Iterable

import msgspec

from crofter.api import KeyPolicy, KeySummary, KeyUsage, LimitUnit, Room
from crofter.store import KeyRecord, KeyUse, UsageRecord

from .plan import Bucket, calendar_room, day_of, refusal

USE_RESOLUTION_SECONDS = 60.0
"""How exactly the last use is known: a key that only looks is not written down again and again."""
Clock = Callable[[], float]


class Account:
    """Implements `api.Account`. Buckets begin full; days and months go on from what was stored."""

    def __init__(self, record: KeyRecord, days: Iterable[UsageRecord] = (), clock: Clock = time.time) -> None:
        """`days`: what is stored of the running month."""
        self.record = record
        self._clock = clock
        self._days = {day.day: day for day in days}
        self._unsaved: set[str] = set()
        self._use_unsaved = False
        self.policy = msgspec.json.decode(record.policy, type=KeyPolicy)
        self._buckets = self._full_buckets()

    def change(self, policy: KeyPolicy) -> None:
        """Another policy from now on; what was used stays used, and buckets are full again."""
        self.policy = policy
        self.record = msgspec.structs.replace(self.record, policy=msgspec.json.encode(policy).decode())
        self._buckets = self._full_buckets()

    @property
    def expired(self) -> bool:
        expires_at = self.policy.expires_at
        return expires_at is not None and self._clock() >= expires_at

    def touch(self) -> None:
        """The key was shown."""
        now, last = self._clock(), self.record.last_used_at
        if last is None or now - last >= USE_RESOLUTION_SECONDS:
            self.record = msgspec.structs.replace(self.record, last_used_at=now)
            self._use_unsaved = True

    def begin(self) -> None:
        rooms = self.rooms()
        refused = refusal(rooms, "requests", 1) or refusal(rooms, "tokens", 1)
        if refused is not None:
            raise refused
        self._take(requests=1, tokens=0)
        self._add(requests=1)

    def reserve(self, tokens: int) -> None:
        refused = refusal(self.rooms(), "tokens", tokens)
        if refused is not None:
            raise refused
        self.charge(prompt_tokens=tokens)

    def charge(
        self, *, prompt_tokens: int = 0, cached_tokens: int = 0, completion_tokens: int = 0, errors: int = 0
    ) -> None:
        self._take(requests=0, tokens=prompt_tokens + completion_tokens)
        self._add(
            prompt_tokens=prompt_tokens,
            cached_tokens=cached_tokens,
            completion_tokens=completion_tokens,
            errors=errors,
        )

    def rooms(self) -> list[Room]:
        now, policy = self._clock(), self.policy
        rooms = [bucket.room(now) for bucket in self._buckets]
        if policy.tokens_per_day is not None:
            rooms.append(calendar_room("day", policy.tokens_per_day, self._used(day_of(now)).tokens, now))
        if policy.tokens_per_month is not None:
            rooms.append(calendar_room("month", policy.tokens_per_month, self._used(day_of(now)[:7]).tokens, now))
        return rooms

    def summary(self) -> KeySummary:
        """The key for its owner."""
        day = day_of(self._clock())
        return KeySummary(
            name=self.record.name,
            prefix=self.record.prefix,
            created_at=self.record.created_at,
            last_used_at=self.record.last_used_at,
            policy=self.policy,
            today=msgspec.convert(self._used(day), KeyUsage, from_attributes=True),
            this_month=msgspec.convert(self._used(day[:7]), KeyUsage, from_attributes=True),
        )

    def unsaved(self) -> KeyUse | None:
        """What is not written down yet."""
        if not self._unsaved and not self._use_unsaved:
            return None
        days = tuple(self._days[day] for day in sorted(self._unsaved))
        return KeyUse(name=self.record.name, last_used_at=self.record.last_used_at, days=days)

    def saved(self, use: KeyUse) -> None:
        """This is written down; what came since is not."""
        self._use_unsaved = self.record.last_used_at != use.last_used_at
        self._unsaved -= {day.day for day in use.days if self._days.get(day.day) is day}
        month = day_of(self._clock())[:7]
        self._days = {day: used for day, used in self._days.items() if day.startswith(month) or day in self._unsaved}

    def _full_buckets(self) -> list[Bucket]:
        now, policy = self._clock(), self.policy
        limits: dict[LimitUnit, int | None] = {
            "requests": policy.requests_per_minute,
            "tokens": policy.tokens_per_minute,
        }
        return [Bucket.full(unit, limit, now) for unit, limit in limits.items() if limit is not None]

    def _take(self, **amounts: int) -> None:
        now = self._clock()
        self._buckets = [bucket.less(amounts[bucket.unit], now) for bucket in self._buckets]

    def _add(self, **amounts: int) -> None:
        day = day_of(self._clock())
        used = self._days.get(day) or UsageRecord(day=day, name=self.record.name)
        # What was reserved before midnight may be given back after it.
        sums = {name: max(0, getattr(used, name) + amount) for name, amount in amounts.items()}
        self._days[day] = msgspec.structs.replace(used, **sums)
        self._unsaved.add(day)

    def _used(self, span: str) -> UsageRecord:
        """The sum of the days that begin so: one day, or those of a month."""
        days = [used for day, used in self._days.items() if day.startswith(span)]
        return UsageRecord(
            day=span,
            name=self.record.name,
            requests=sum(day.requests for day in days),
            errors=sum(day.errors for day in days),
            prompt_tokens=sum(day.prompt_tokens for day in days),
            cached_tokens=sum(day.cached_tokens for day in days),
            completion_tokens=sum(day.completion_tokens for day in days),
        )
