"""The pools of this node: what its owner decides, what other members say, and the mail between them.

The one implementation of `api.PoolAdministration`.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Literal

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

_logger = logging.getLogger("crofter.node")

_EVERY_SECONDS = 60.0
_SENDING_SECONDS = 8.0
_MOST_AT_ONCE = 8
_MOST_ASKED = 4
"""Members asked for a list, while its owner does not answer."""


class NodePools:
    """What is decided counts here at once; the others are told now if they can be reached, and else ask within the hour."""

    def __init__(self, pools: Pools, people: People, own_id: NodeId, peers: Peers) -> None:
        self._pools = pools
        self._people = people
        self._own_id = own_id
        self._peers = peers
        self._outbox: dict[tuple[NodeId, type], Mail] = {}
        self._posted = anyio.Event()
        self._at_once = anyio.CapacityLimiter(_MOST_AT_ONCE)
        peers.serve(POOL_INVITE, self._answer_invite)
        peers.serve(POOL_JOIN, self._answer_join)
        peers.serve(POOL_ASK, self._answer_ask)
        peers.serve(POOL_NEWS, self._answer_news)
        peers.serve(POOL_LEAVE, self._answer_leave)

    async def run(self) -> None:
        """Sign and send lists before their hour is over, and ask for those that do not come, until cancelled."""
        while True:
            self._posted = anyio.Event()
            waiting, self._outbox = list(self._outbox.values()), {}
            await self._send([*waiting, *self._pools.renewed()])
            for members, question in self._pools.asking():
                await self._ask(members[:_MOST_ASKED], question)
            with anyio.move_on_after(_EVERY_SECONDS):
                await self._posted.wait()

    def all(self) -> list[PoolSummary]:
        return [self._summary(pool) for pool in self._pools.book.all()]

    def get(self, name: str) -> PoolSummary:
        return self._summary(self._pools.book.find(name))

    def create(self, new: NewPool) -> PoolSummary:
        return self._summary(self._pools.create(new.name))

    async def invite(self, name: str, member: str) -> PoolSummary:
        pool, node_id = self._pools.book.find(name), self._people.find_id(member)
        if self._people.standing(node_id) != "trusted":
            message = f"{self._name(node_id)} is not paired with this node: do that first (`crofter pair ID`)."
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="member")
        return await self._sent(pool, [self._pools.invite(pool, node_id)])

    async def remove(self, name: str, member: str) -> PoolSummary:
        pool = self._pools.book.find(name)
        node_id = self._member(pool, member)
        summary = await self._sent(pool, self._pools.remove(pool, node_id))
        if self._people.standing(node_id) != "trusted":
            self._peers.hang_up(node_id)
        return summary

    async def accept(self, name: str) -> PoolSummary:
        pool = self._pools.book.find(name)
        news = await self._peers.call(pool.owner, POOL_JOIN, self._pools.accept(pool), insist=True)
        self._pools.heard(news)
        return self._summary(self._pools.book.find(pool.pool_id.hex()))

    async def leave(self, name: str) -> PoolSummary:
        pool = self._pools.book.find(name)
        problem = await self._send(self._pools.leave(pool))
        return self._summary(pool, problem)

    async def _sent(self, pool: Pool, mail: Iterable[Mail]) -> PoolSummary:
        problem = await self._send(mail)
        return self._summary(self._pools.book.find(pool.pool_id.hex()), problem)

    async def _send(self, mail: Iterable[Mail]) -> str:
        """To each of them at the same time; returns whom it did not reach, and why, if there is anybody."""
        problems: list[str] = []

        async def deliver(letter: Mail) -> None:
            try:
                async with self._at_once:
                    await self._deliver(letter)
            except CrofterError as error:
                problems.append(f"{self._name(letter.to)}: {error.message}")

        async with anyio.create_task_group() as tasks:
            for letter in mail:
                tasks.start_soon(deliver, letter, name="news of a pool")
        return "; ".join(sorted(problems))

    async def _deliver(self, letter: Mail) -> None:
        to, message = letter
        match message:
            case PoolInvite():
                await self._peers.call(to, POOL_INVITE, message, timeout_seconds=_SENDING_SECONDS, insist=True)
            case PoolNews():
                await self._peers.call(to, POOL_NEWS, message, timeout_seconds=_SENDING_SECONDS, insist=True)
            case PoolLeave():
                await self._peers.call(to, POOL_LEAVE, message, timeout_seconds=_SENDING_SECONDS, insist=True)

    async def _ask(self, members: Sequence[NodeId], question: PoolAsk) -> None:
        """The first that answers."""
        for node_id in members:
            try:
                self._pools.heard(await self._peers.call(node_id, POOL_ASK, question, timeout_seconds=_SENDING_SECONDS))
            except CrofterError as error:
                _logger.debug("no list of a pool", extra={"peer": fingerprint(node_id), "reason": error.message})
                continue
            return

    async def _answer_invite(self, caller: Caller, message: PoolInvite) -> PoolHeard:
        self._pools.invited(caller.node_id, message)
        return PoolHeard()

    async def _answer_join(self, caller: Caller, message: PoolJoin) -> PoolNews:
        news, others = self._pools.joined(caller.node_id, message)
        self._post(others)
        return news

    async def _answer_ask(self, caller: Caller, message: PoolAsk) -> PoolNews:
        return self._pools.asked(caller.node_id, message)

    async def _answer_news(self, _: Caller, message: PoolNews) -> PoolHeard:
        self._pools.heard(message)
        return PoolHeard()

    async def _answer_leave(self, caller: Caller, message: PoolLeave) -> PoolHeard:
        self._post(self._pools.left(caller.node_id, message))
        return PoolHeard()

    def _post(self, mail: list[Mail]) -> None:
        """For `run` to send, so that no caller waits for others. What is newer takes the place of what waits: lists are whole."""
        self._outbox |= {(letter.to, type(letter.message)): letter for letter in mail}
        self._posted.set()

    def _member(self, pool: Pool, text: str) -> NodeId:
        """A member by name, id or fingerprint. Raises NOT_FOUND, CONFLICT."""
        members = [NodeId(bytes.fromhex(key)) for key in (*pool.members, *pool.invited)]
        wanted = text.strip().casefold()
        found = [one for one in members if wanted in {self._name(one).casefold(), fingerprint(one), readable_id(one)}]
        if len(found) != 1:
            code = ErrorCode.CONFLICT if found else ErrorCode.NOT_FOUND
            message = f"{len(found) or 'no'} members of {pool.name!r} are called {text!r} (`crofter pool ls`)."
            raise CrofterError(code, message, parameter="member")
        return found[0]

    def _summary(self, pool: Pool, problem: str = "") -> PoolSummary:
        members = self._pools.book.member_ids(pool) | {pool.owner}
        invited = [NodeId(bytes.fromhex(key)) for key in pool.invited]
        return PoolSummary(
            id=pool.pool_id.hex(),
            name=pool.name,
            role=pool.role,
            owner=readable_id(pool.owner),
            members=(
                *(self._pool_member(one, "owner" if one == pool.owner else "member") for one in sorted(members)),
                *(self._pool_member(one, "invited") for one in invited),
            ),
            expires_at=self._pools.book.expires_at(pool),
            problem=problem,
        )

    def _pool_member(self, node_id: NodeId, state: Literal["owner", "member", "invited"]) -> PoolMember:
        return PoolMember(
            id=readable_id(node_id), fingerprint=fingerprint(node_id), name=self._name(node_id), state=state
        )

    def _name(self, node_id: NodeId) -> str:
        if node_id == self._own_id:
            return "this node"
        person = self._people.get(node_id)
        return shown_name(person) if person else fingerprint(node_id)
