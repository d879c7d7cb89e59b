"""Who asks: the key, what it may still do, how far its prompts may travel."""

from time import perf_counter
from typing import Literal, Protocol

import msgspec

from crofter.core import Intent

from .keys import KeyPolicy

LimitUnit = Literal["requests", "tokens"]
LimitPeriod = Literal["minute", "day", "month"]


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one limit."""

    unit: LimitUnit
    period: LimitPeriod
    limit: int
    remaining: float
    """Below zero when an answer took more than was left."""
    whole_in_seconds: float
    """Until all of it is there again."""
    per_second: float = 0.0
    """How fast it comes back; 0: all at once, at the end."""


class Account(Protocol):
    """A key at work. Used in the event loop."""

    @property
    def policy(self) -> KeyPolicy: ...

    def begin(self) -> None:
        """Count one request. Raises RATE_LIMITED, and counts nothing, if it is one too many or not one token is left."""
        ...

    def reserve(self, tokens: int) -> None:
        """Count a prompt before it is read. Raises RATE_LIMITED, or REQUEST_TOO_LARGE if it would not fit however long one waits."""
        ...

    def charge(
        self, *, prompt_tokens: int = 0, cached_tokens: int = 0, completion_tokens: int = 0, errors: int = 0
    ) -> None:
        """Count what was used beside what is reserved; below zero gives back. May take more than was left."""
        ...

    def rooms(self) -> list[Room]:
        """What is left of each limit now."""
        ...


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """On whose behalf a model is asked."""

    intent: Intent = Intent()
    account: Account | None = None
    """None: the owner, or anyone while no keys are needed."""
    arrived_at: float = msgspec.field(default_factory=perf_counter)
    """On the `perf_counter` clock."""
