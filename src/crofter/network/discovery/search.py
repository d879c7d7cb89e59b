"""How far one lookup in the DHT has come: who was heard of, who is asked next, who has answered."""

from collections.abc import Iterable

import anyio

from crofter.core import NodeId
from crofter.network.records import SignedRecord

from .routing import BUCKET_SIZE, closest

MOST_OUT = 8
"""Nodes that have been asked and have not answered, at a time."""
MOST_ASKED = 64
"""Nodes asked in one lookup at most, whatever they answer."""


class Search:
    """How far one lookup has come."""

    def __init__(self, key: bytes, start: Iterable[SignedRecord], spare: NodeId | None = None) -> None:
        """`start` are the nodes to begin with; `spare` is not asked itself, only what others know of it."""
        self.key = key
        self._spare = spare
        self.spared: SignedRecord | None = None
        """The newest record of that node."""
        self.asked: set[NodeId] = set()
        self.answered: dict[NodeId, SignedRecord] = {}
        self.providers: dict[NodeId, SignedRecord] = {}
        self.failed: set[NodeId] = set()
        self.out = 0
        """How many are being asked now."""
        self.progress = anyio.Event()
        self.seen_near: set[bytes] = set()
        self.seen_providers: set[bytes] = set()
        self._known: dict[NodeId, SignedRecord] = {}
        for signed in start:
            self.hear_of(signed)

    def unseen(self, contents: tuple[bytes, ...], seen: set[bytes]) -> list[bytes]:
        """Those that no answer had before."""
        new = [content for content in dict.fromkeys(contents) if content not in seen]
        seen.update(new)
        return new

    def hear_of(self, signed: SignedRecord) -> None:
        """A node that may be near the key."""
        record = signed.record
        if record.node_id != self._spare:
            self._known.setdefault(record.node_id, signed)
        elif self.spared is None or record.sequence > self.spared.record.sequence:
            self.spared = signed

    def next(self) -> SignedRecord | None:
        """The nearest that has not been asked, among the nearest that have answered or may; None: not now."""
        if len(self.asked) >= MOST_ASKED or self.out >= MOST_OUT:
            return None
        hopeful = [each for node_id, each in self._known.items() if node_id not in self.failed]
        near = closest(hopeful, self.key, BUCKET_SIZE)
        whom = next((each for each in near if each.record.node_id not in self.asked), None)
        if whom is not None:
            self.asked.add(whom.record.node_id)
            self.out += 1
        return whom

    def came_back(self) -> None:
        """One who was asked has answered or will not."""
        self.out -= 1
        self.progress.set()
        self.progress = anyio.Event()
