"""What happened on the network, counted for its owner. The labels come from the table of messages, so that they are few."""

from collections import Counter

import msgspec

from crofter.core import CrofterError

from .kinds import Direction

OK = "ok"
UNKNOWN = "unknown"
"""In the place of a kind that is not in the table."""


class Counts(msgspec.Struct):
    """Counters since the start."""

    requests: Counter[tuple[str, Direction, str]] = msgspec.field(default_factory=Counter)
    """By kind, direction, and `ok` or the code of the error."""
    bytes: Counter[tuple[str, Direction]] = msgspec.field(default_factory=Counter)
    """Of messages, by kind and the direction of the request, both ways together."""
    dials: Counter[str] = msgspec.field(default_factory=Counter)
    """By `ok` or the code of the error."""

    def ended(self, kind: str, direction: Direction, error: CrofterError | None) -> None:
        """A request is over."""
        self.requests[kind, direction, error.code.code if error else OK] += 1
