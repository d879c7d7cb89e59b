"""What is left of a key's limits, in headers. Clients know one limit a unit: the one with the least left."""

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from .access import Room
from .asgi import Headers


def openai_limits(rooms: Sequence[Room]) -> Headers:
    """`x-ratelimit-limit-requests`, `-remaining-` and `-reset-`, and the same of tokens."""
    headers: Headers = []
    for room in _scarcest(rooms):
        values = (("limit", room.limit), ("remaining", _left(room)), ("reset", _duration(room.whole_in_seconds)))
        headers += [(f"x-ratelimit-{name}-{room.unit}".encode(), str(value).encode()) for name, value in values]
    return headers


def anthropic_limits(rooms: Sequence[Room]) -> Headers:
    """`anthropic-ratelimit-requests-limit`, `-remaining` and `-reset`, and the same of tokens."""
    headers: Headers = []
    for room in _scarcest(rooms):
        reset = datetime.fromtimestamp(math.ceil(time.time() + room.whole_in_seconds), UTC).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )
        values = (("limit", room.limit), ("remaining", _left(room)), ("reset", reset))
        headers += [(f"anthropic-ratelimit-{room.unit}-{name}".encode(), str(value).encode()) for name, value in values]
    return headers


def _scarcest(rooms: Sequence[Room]) -> list[Room]:
    units = sorted({room.unit for room in rooms})
    return [min((room for room in rooms if room.unit == unit), key=lambda room: room.remaining) for unit in units]


def _left(room: Room) -> int:
    return max(0, math.floor(room.remaining))


def _duration(seconds: float) -> str:
    """372.5 as `6m12.5s`, 0.25 as `250ms`: how OpenAI writes it."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds * 10) / 10, 60)
    return f"{minutes:.0f}m{rest:g}s" if minutes else f"{rest:g}s"
