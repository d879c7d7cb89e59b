"""Whom a relay lets in, and how much it carries for whom. Pure: the time is handed in."""

from collections.abc import Callable

import msgspec

from crofter.core import NodeId
from crofter.network.limits import Bucket
from crofter.trust import Standing

PING_SECONDS = 15.0
SILENT_SECONDS = 45.0
"""A client that has not been heard for so long is gone: it answers pings."""
UNPROVEN_SECONDS = 5.0
"""What a client may take from its first byte until it has proven who it is."""
MOST_UNPROVEN = 64
MOST_CLIENTS = 512
MOST_STRANGERS = 128
"""Of the clients, nodes that the owner does not trust: they leave room for those he does."""

_SHARE_OF_ONE = 0.5
_BURST_SECONDS = 1.0


class RelayRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner decides."""

    standing: Callable[[NodeId], Standing]
    """Of a proven id: `trusted` may use the relay, `blocked` never."""
    for_everyone: bool = False
    """Whether all others may as well."""
    bytes_per_second: int
    """For all clients together; one may use half of it."""


def is_allowed(standing: Standing, *, for_everyone: bool) -> bool:
    """Whether a node may use the relay at all."""
    return standing == "trusted" or (for_everyone and standing != "blocked")


def refusal(standing: Standing, *, for_everyone: bool, clients: int, strangers: int) -> str | None:
    """Why a node may not use the relay now, beside so many others; None: it may."""
    if not is_allowed(standing, for_everyone=for_everyone):
        return "this relay is not for you"
    if clients >= MOST_CLIENTS or (standing != "trusted" and strangers >= MOST_STRANGERS):
        return "this relay has as many clients as it takes"
    return None


class Budget:
    """What clients may still send: for each its share, for all together the whole; what was sent beyond that is waited for."""

    def __init__(self, bytes_per_second: int, clock: Callable[[], float]) -> None:
        self._rate = float(bytes_per_second)
        self._clock = clock
        self._together = Bucket(self._rate * _BURST_SECONDS, clock())
        self._each: dict[NodeId, Bucket] = {}

    def charge(self, node_id: NodeId, size_bytes: int) -> float:
        """Take what a client has sent. Returns for how many seconds nothing more should be read from it."""
        now, share = self._clock(), self._rate * _SHARE_OF_ONE
        own = self._each.get(node_id) or Bucket(share * _BURST_SECONDS, now)
        self._each[node_id], wait = _taken(own, share, size_bytes, now)
        self._together, wait_for_all = _taken(self._together, self._rate, size_bytes, now)
        return max(wait, wait_for_all)

    def forget(self, node_id: NodeId) -> None:
        """A client has left."""
        self._each.pop(node_id, None)


def _taken(bucket: Bucket, rate: float, size_bytes: int, now: float) -> tuple[Bucket, float]:
    filled = bucket.filled(rate, rate * _BURST_SECONDS, now)
    left = filled.tokens - size_bytes
    return Bucket(left, now), max(0.0, -left / rate)
