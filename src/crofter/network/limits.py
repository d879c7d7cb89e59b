"""How often a peer may ask, and what it may cost: token buckets, for each peer and kind, in bounded memory."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from crofter.core import NodeId
from crofter.trust import Standing

from .kinds import Kind

_MOST_BUCKETS = 4096
_STRANGERS_TOGETHER = 20
"""All strangers together may ask as often as this many of them: new ids cost nothing."""
_FAULTS_PER_MINUTE = 60
_BURST_SHARE = 0.25
"""Of a minute's allowance, at once."""


class Bucket(msgspec.Struct, frozen=True):
    """Tokens that come at a steady rate up to the capacity. Below zero: what was taken is paid back first."""

    tokens: float
    at: float

    def filled(self, rate_per_second: float, capacity: float, now: float) -> "Bucket":
        """The bucket as it is now."""
        return Bucket(min(capacity, self.tokens + rate_per_second * (now - self.at)), now)


class Limits:
    """What each peer has left."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[tuple[NodeId | None, str, str], Bucket] = OrderedDict()

    def ask(self, node_id: NodeId, standing: Standing, kind: Kind[Any, Any]) -> float:
        """Take one request. Returns 0, or in how many seconds there will be one; nothing is taken then."""
        payers: list[tuple[NodeId | None, int]] = [(node_id, 1)]
        if standing != "trusted":
            payers.append((None, _STRANGERS_TOGETHER))
        waits = [self._wait(payer, kind, share) for payer, share in payers]
        if (longest := max(waits)) > 0:
            return longest
        for payer, share in payers:
            self._take(payer, kind.name, "requests", share * kind.per_minute, 1.0)
        return 0.0

    def charge(self, node_id: NodeId, kind: Kind[Any, Any], size_bytes: int) -> None:
        """Bytes that went over the line for a request; more than there were keeps the peer from asking for a while."""
        self._take(node_id, kind.name, "bytes", _bytes_per_minute(kind), float(size_bytes))

    def fault(self, node_id: NodeId) -> None:
        """The peer has broken a rule, or asked for what it may not have."""
        self._take(node_id, "", "faults", _FAULTS_PER_MINUTE, 1.0)

    def is_tiresome(self, node_id: NodeId) -> bool:
        """Whether that happened too often lately. To go on refusing costs as much as asking does: hanging up costs less."""
        return self._filled(node_id, "", "faults", _FAULTS_PER_MINUTE).tokens < 0

    def _wait(self, payer: NodeId | None, kind: Kind[Any, Any], share: int) -> float:
        requests_per_minute = share * kind.per_minute
        left = self._filled(payer, kind.name, "requests", requests_per_minute).tokens
        wait = max(0.0, (1.0 - left) * 60 / requests_per_minute)
        if payer is not None:
            per_minute = _bytes_per_minute(kind)
            debt = -self._filled(payer, kind.name, "bytes", per_minute).tokens
            wait = max(wait, debt * 60 / per_minute)
        return wait

    def _filled(self, payer: NodeId | None, kind: str, what: str, per_minute: float) -> Bucket:
        now = self._clock()
        capacity = max(1.0, per_minute * _BURST_SHARE)
        bucket = self._buckets.get((payer, kind, what), Bucket(capacity, now))
        return bucket.filled(per_minute / 60, capacity, now)

    def _take(self, payer: NodeId | None, kind: str, what: str, per_minute: float, amount: float) -> None:
        bucket = self._filled(payer, kind, what, per_minute)
        key = (payer, kind, what)
        self._buckets[key] = Bucket(bucket.tokens - amount, bucket.at)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)


def _bytes_per_minute(kind: Kind[Any, Any]) -> int:
    return kind.bytes_per_minute or 2 * kind.most_bytes * kind.per_minute
