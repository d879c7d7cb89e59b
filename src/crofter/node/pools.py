"""The pools of this node: what its owner decides, what other members say, and the mail between them.

The one implementation of `api.PoolAdministration`.
"""

from collections.abc import Iterable

import anyio

from crofter.api import NewPool, PoolMember, PoolSummary
from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import POOL_ASK, POOL_INVITE, POOL_JOIN, POOL_LEAVE, POOL_NEWS, Caller, Peers
from crofter.trust import (
    Mail,
    People,
    Pool,
    PoolAsk,
    PoolHeard,
    PoolInvite,
    PoolJoin,
    PoolLeave,
    PoolNews,
    Pools,
    fingerprint,
    readable_id,
    shown_name,
)

_EVERY_SECONDS = 60.0
_SENDING_SECONDS = 8.0
_MOST_AT_ONCE = 8
_MOST_ASKED = 4
"""Members asked for a list, while its owner does not answer."""

_KINDS = {PoolInvite: POOL_INVITE, PoolJoin: POOL_JOIN, PoolNews: POOL_NEWS, PoolLeave: POOL_LEAVE}


class NodePools:
    """What is decided counts here at once; the others are told now if they can be reached, and else ask within the hour."""

    def __init__(self, pools: Pools, people: People, own_id: NodeId, peers: Peers) -> None:
        self._pools = pools
        self._people = people
        self._own_id = own_id
        self._peers = peers
        self._at_once = anyio.CapacityLimiter(_MOST_AT_ONCE)
        peers.serve(POOL_INVITE, self._answer_invite)
        peers.serve(POOL_JOIN, self._answer_join)
        peers.serve(POOL_ASK, self._answer_ask)
        peers.serve(POOL_NEWS, self._answer_news)
        peers.serve(POOL_LEAVE, self._answer_leave)

    async def run(self) -> None:
        """Sign and send lists before their hour is over, and ask for those that do not come, until cancelled."""
        while True:
            await self._send(self._pools.renewed())
            for members, question in self._pools.asking():
                await self._ask(members[:_MOST_ASKED], question)
            await anyio.sleep(_EVERY_SECONDS)

    def all(self) -> list[PoolSummary]:
        return [self._summary(pool) for pool in self._pools.book.all()]

    def get(self, name: str) -> PoolSummary:
        return self._summary(self._pools.book.find(name))

    def create(self, new: NewPool) -> PoolSummary:
        return self._summary(self._pools.create(new.name))

    async def invite(self, name: str, member: str) -> PoolSummary:
        person, pool = self._people.find(member), self._pools.book.find(name)
        if person.state != "trusted":
            message = f"{shown_name(person)} is not paired with this node: do that first (`crofter pair ID`)."
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="member")
        return await self._sent(pool, [self._pools.invite(pool, person.node_id)])

    async def remove(self, name: str, member: str) -> PoolSummary:
        pool = self._pools.book.find(name)
        node_id = self._member(pool, member)
        summary = await self._sent(pool, self._pools.remove(pool, node_id))
        if self._people.standing(node_id) != "trusted":
            self._peers.hang_up(node_id)
        return summary

    async def accept(self, name: str) -> PoolSummary:
        pool = self._pools.book.find(name)
        mail = self._pools.accept(pool)
        await self._join(mail.to, mail.message)
        return self._summary(self._pools.book.find(pool.pool_id.hex()))

    async def leave(self, name: str) -> PoolSummary:
        pool = self._pools.book.find(name)
        summary = self._summary(pool)
        return _with_problem(summary, await self._send(self._pools.leave(pool)))
