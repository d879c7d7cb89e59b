"""The nodes this one knows: what its owner decides about them, what they say, and that the one reaches the other.

The one implementation of `api.PeopleAdministration`.
"""

import logging
from collections.abc import Callable, Iterable

import anyio
import msgspec

from crofter.api import NewPerson, PairingCode, PersonChange, PersonSummary, TypedCode
from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import PAIR, PAIR_CODE, PAIR_PROOF, Caller, Peers
from crofter.trust import (
    CodeDesk,
    CodeExchange,
    CodeHello,
    CodeProof,
    Pairing,
    People,
    Person,
    ShownCode,
    Stance,
    fingerprint,
    may_be_of,
    parse_code,
    parse_node_id,
    readable_id,
)

from .whereabouts import Whereabouts

_logger = logging.getLogger("crofter.node")

_EVERY_SECONDS = 20.0
_TELLING_SECONDS = 8.0
_MOST_AT_ONCE = 8
_MOST_TRIED = 4
"""Nodes that a typed code is tried at: one in a thousand has the same first three digits by chance."""


class NodePeople:
    """Decisions are kept at once; whoever they concern is told now if they can be reached, else as soon as they can."""

    def __init__(
        self,
        people: People,
        own_id: NodeId,
        peers: Peers,
        whereabouts: Whereabouts,
        own_name: Callable[[], str],
        nearby: Callable[[], Iterable[NodeId]],
    ) -> None:
        """`nearby` are nodes that a code may be of, beside those that are known or connected."""
        self._people = people
        self._own_id = own_id
        self._peers = peers
        self._whereabouts = whereabouts
        self._nearby = nearby
        self._pairing = Pairing(people, own_name)
        self._desk = CodeDesk(people, own_id)
        self._told: dict[NodeId, Stance] = {}
        peers.serve(PAIR, self._answer_pair)
        peers.serve(PAIR_CODE, self._answer_code)
        peers.serve(PAIR_PROOF, self._answer_proof)

    async def run(self) -> None:
        """Tell those who have not heard, until cancelled: whom we wait for, and of those who are connected whoever we decided about."""
        while True:
            here = [line.node_id for line in self._peers.lines()]
            for node_id in here:
                self._people.seen(node_id)
            untold = [node_id for node_id in here if self._told.get(node_id) != self._pairing.stance(node_id)]
            decided = [node_id for node_id in untold if self._people.decision(node_id).at]
            async with anyio.create_task_group() as tasks:
                for node_id in list(dict.fromkeys((*decided, *self._people.waiting())))[:_MOST_AT_ONCE]:
                    tasks.start_soon(self._tell, node_id, name="telling a node what was decided")
            await anyio.sleep(_EVERY_SECONDS)

    def all(self) -> list[PersonSummary]:
        return [_summary(person) for person in self._people.all()]

    def get(self, name: str) -> PersonSummary:
        return _summary(self._people.find(name))

    async def add(self, new: NewPerson) -> PersonSummary:
        node_id = parse_node_id(new.id)
        addresses = self._whereabouts.say(node_id, new.addresses)
        return await self._decided(self._people.agree(node_id, new.name, addresses))

    async def accept(self, name: str) -> PersonSummary:
        person = self._people.find(name)
        if person.state != "asked_us":
            message = f"{name} has not asked to be paired; ask it with `crofter pair ID`."
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="name")
        return await self._decided(self._people.agree(person.node_id))

    async def refuse(self, name: str) -> PersonSummary:
        return await self._decided(self._people.refuse(self._people.find(name).node_id))

    async def forget(self, name: str) -> PersonSummary:
        person = self._people.find(name)
        forgotten = self._people.forget(person.node_id)
        problem = await self._tell(person.node_id, insist=True)
        self._peers.hang_up(person.node_id)
        return _summary(msgspec.structs.replace(forgotten, name=person.name), problem)

    async def block(self, name: str) -> PersonSummary:
        person = self._people.block(self._people.find_id(name))
        self._peers.hang_up(person.node_id)
        return _summary(person)

    def rename(self, name: str, change: PersonChange) -> PersonSummary:
        return _summary(self._people.rename(self._people.find(name).node_id, change.name))

    def show_code(self) -> PairingCode:
        return _code(self._desk.show())

    def code(self) -> PairingCode:
        shown = self._desk.shown()
        if shown is None:
            message = "no pairing code has been shown since the node started (`crofter pair --code`)."
            raise CrofterError(ErrorCode.NOT_FOUND, message)
        return _code(shown)

    def withdraw_code(self) -> PairingCode:
        self._desk.withdraw()
        return self.code()

    async def use_code(self, typed: TypedCode) -> PersonSummary:
        code = parse_code(typed.code)
        failure = CrofterError(
            ErrorCode.NOT_FOUND,
            "no node that is known, connected or near shows this code; say whose it is (`--id ID`).",
            parameter="code",
        )
        candidates = self._candidates(code, typed.id)[:_MOST_TRIED]
        addresses = self._whereabouts.say(candidates[0], typed.addresses) if typed.id else ()
        for node_id in candidates:
            try:
                await self._prove(node_id, code)
            except CrofterError as error:
                failure = error
                continue
            return await self._decided(self._people.agree(node_id, typed.name, addresses))
        raise failure

    def _candidates(self, code: str, id_text: str) -> list[NodeId]:
        if id_text:
            node_id = self._people.find_id(id_text)
            if not may_be_of(code, node_id):
                message = f"this code is not one of {fingerprint(node_id)}."
                raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="code")
            return [node_id]
        known = (person.node_id for person in self._people.all() if person.state != "blocked")
        here = (line.node_id for line in self._peers.lines())
        return [node_id for node_id in dict.fromkeys((*here, *known, *self._nearby())) if may_be_of(code, node_id)]

    async def _prove(self, node_id: NodeId, code: str) -> None:
        """Show each other that both know the code. Raises FORBIDDEN if the other does not, and what `Peers.call` raises."""
        exchange = CodeExchange(code, typed_by=self._own_id, shown_by=node_id, own_id=self._own_id)
        wrong = CrofterError(ErrorCode.FORBIDDEN, f"{fingerprint(node_id)} does not know this code.", parameter="code")
        try:
            exchange.meet(await self._peers.call(node_id, PAIR_CODE, exchange.hello, insist=True))
        except ValueError as error:
            raise wrong from error
        if not exchange.holds(await self._peers.call(node_id, PAIR_PROOF, exchange.proof())):
            raise wrong

    async def _decided(self, person: Person) -> PersonSummary:
        """How it stands once the other has been told, or could not be."""
        problem = await self._tell(person.node_id, insist=True)
        return _summary(self._people.get(person.node_id) or person, problem)

    async def _tell(self, node_id: NodeId, *, insist: bool = False) -> str:
        """Tell a node what we have decided, and hear what it has; returns why not, if so."""
        stance = self._pairing.stance(node_id)
        try:
            answer = await self._peers.call(node_id, PAIR, stance, timeout_seconds=_TELLING_SECONDS, insist=insist)
        except CrofterError as error:
            return error.message
        self._told[node_id] = stance
        self._pairing.heard(node_id, answer)
        return ""

    async def _answer_pair(self, caller: Caller, stance: Stance) -> Stance:
        before = self._people.standing(caller.node_id)
        answer = self._pairing.answer(caller.node_id, stance)
        if (now := self._people.standing(caller.node_id)) != before:
            _logger.info("a node spoke of pairing", extra={"peer": fingerprint(caller.node_id), "standing": now})
        return answer

    async def _answer_code(self, caller: Caller, hello: CodeHello) -> CodeHello:
        return self._desk.hello(caller.node_id, hello)

    async def _answer_proof(self, caller: Caller, proof: CodeProof) -> CodeProof:
        return self._desk.prove(caller.node_id, proof)


def _summary(person: Person, problem: str = "") -> PersonSummary:
    return PersonSummary(
        id=readable_id(person.node_id),
        fingerprint=fingerprint(person.node_id),
        name=person.name,
        their_name=person.their_name,
        state="stranger" if person.state == "forgotten" else person.state,
        known_at=person.known_at,
        seen_at=person.seen_at,
        problem=problem,
    )


def _code(shown: ShownCode) -> PairingCode:
    return PairingCode(
        code=shown.code,
        expires_at=shown.expires_at,
        wrong_guesses=shown.wrong_guesses,
        ended=shown.ended,
        paired_with=readable_id(shown.paired_with) if shown.paired_with else "",
    )
