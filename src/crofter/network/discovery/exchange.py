"""Peer exchange: a node asks one that it knows for some others. How often is bounded by the kind of message."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from crofter.core import NodeId
from crofter.network.kinds import Caller
from crofter.network.records import Refusal
from crofter.trust import Standing

from .cache import PeerCache
from .messages import MOST_RECORDS, PeersOffered, PeersWanted

Ask = Callable[[NodeId, PeersWanted], Awaitable[PeersOffered]]


class PeerExchange:
    """Both sides of it. What is offered stays within one radius: trusted nodes hear of trusted ones, strangers of strangers.

    Otherwise anybody could ask whom the owner trusts. Of nodes that are pending or blocked nobody hears.
    """

    def __init__(
        self,
        cache: PeerCache,
        *,
        own_record: Callable[[], bytes],
        standing: Callable[[NodeId], Standing],
        seed: int | None = None,
    ) -> None:
        """`own_record` is this node's own as it travels, or nothing; `seed` makes the choice repeatable."""
        self._cache = cache
        self._own_record = own_record
        self._standing = standing
        self._chance = random.Random(seed)  # noqa: S311 - which neighbours are named is no secret
        self.refusals: Final[Counter[Refusal]] = Counter()
        """How many records were not taken, and why."""

    async def answer(self, caller: Caller, wanted: PeersWanted) -> PeersOffered:
        """The handler: learns where the caller is, and names up to 16 others that were reached from here and have not failed since."""
        if wanted.own:
            self._learn(wanted.own, caller.node_id)
        standing: Standing = "trusted" if caller.radius == "trusted" else "stranger"
        known = [
            peer.content
            for peer in self._cache.fresh()
            if peer.node_id != caller.node_id and self._standing(peer.node_id) == standing
        ]
        chosen = self._chance.sample(known, min(MOST_RECORDS, len(known)))
        return PeersOffered(own=self._own_record(), records=tuple(chosen))

    async def ask(self, ask: Ask, node_id: NodeId) -> list[NodeId]:
        """Ask one node; returns those of whom something new was learnt. Raises what asking raises."""
        offered = await ask(node_id, PeersWanted(own=self._own_record()))
        if offered.own:
            self._learn(offered.own, node_id)
        self._cache.worked(node_id)
        learnt = (self._learn(content, node_id) for content in offered.records)
        return [each for each in learnt if each is not None and each != node_id]

    def _learn(self, content: bytes, taught_by: NodeId) -> NodeId | None:
        accepted = self._cache.learn(content, taught_by)
        if isinstance(accepted, str):
            self.refusals[accepted] += 1
            return None
        return accepted.record.node_id
