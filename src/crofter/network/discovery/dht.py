"""A small Kademlia: whom to ask for a key, asking three at a time ever nearer, and answering those who ask here.

Every answer is records that their nodes have signed; a provider is always the node at the other end of the connection. For mode
`public` only: the kinds say so for what comes in, and whoever has a Dht for what goes out.
"""

import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import anyio
import msgspec
from anyio.abc import TaskGroup

from crofter.core import CrofterError, NodeId
from crofter.network.addresses import is_same_host
from crofter.network.kinds import Caller
from crofter.network.records import Refusal, SignedRecord, accept_record

from .messages import MOST_RECORDS, Find, Found, Provide, Provided
from .providers import ProvidedKeys
from .routing import BUCKET_SIZE, KEY_BYTES, RoutingTable, closest, node_key
from .search import Search

PARALLEL = 3
ASK_SECONDS = 2.5
PATIENCE_SECONDS = 0.5
"""After so long without an answer the next is asked, and the answer still waited for."""
JOIN_TRIES = 3
"""For a start where the few nodes known do not answer at once."""
DEAD_SECONDS = 600.0
MOST_DEAD = 512
SETTLING_SECONDS = 60.0
"""After so long those who came with us are there too."""
REPUBLISH_SECONDS = 1_200.0
"""A third of what others keep it for."""


class Asker(Protocol):
    """The way to other nodes. Both raise CrofterError if the node cannot be reached or does not answer."""

    def find(self, whom: SignedRecord, find: Find) -> Awaitable[Found]: ...
    def provide(self, whom: SignedRecord, provide: Provide) -> Awaitable[Provided]: ...


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a lookup found."""

    nearest: tuple[SignedRecord, ...]
    """The nodes nearest to the key that answered, nearest first."""
    providers: tuple[SignedRecord, ...]
    asked: int
    """How many nodes were asked."""


class Dht:
    """One node's part in it."""

    def __init__(
        self,
        own_id: NodeId,
        network: bytes,
        asker: Asker,
        *,
        own_record: Callable[[], bytes],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`network` is our tag, `own_record` this node's as it travels, `clock` tells Unix seconds."""
        self._own_id = own_id
        self._network = network
        self._asker = asker
        self._own_record = own_record
        self._clock = clock
        self._dead: dict[NodeId, float] = {}
        self._published: set[bytes] = set()
        self.table = RoutingTable(own_id)
        self.provided = ProvidedKeys()
        self.refusals: Final[Counter[Refusal]] = Counter()
        """How many records were not taken, and why."""

    def met(self, content: bytes) -> None:
        """A node has been reached, and this is its record."""
        if (signed := self._accepted(content)) is not None:
            self._dead.pop(signed.record.node_id, None)
            self.table.offer(signed)

    async def find(self, caller: Caller, request: Find) -> Found:
        """The handler: the nodes nearest to a key that are known here, and who provides it. Whoever asks is known here from now on."""
        self._meet_asker(caller, request.own)
        near = [each for each in self._start(request.key) if each.record.node_id != caller.node_id]
        providers = self.provided.providers(request.key, self._clock())[:MOST_RECORDS]
        return Found(nearest=tuple(each.content for each in near[:MOST_RECORDS]), providers=tuple(providers))

    async def provide(self, caller: Caller, request: Provide) -> Provided:
        """The handler: keep the caller's own record under a key for an hour, if it is his and there is room."""
        signed = self._accepted(request.own)
        if signed is None or signed.record.node_id != caller.node_id:
            return Provided(kept=False)
        return Provided(kept=self.provided.provide(request.key, caller.node_id, request.own, self._clock()))

    async def join(self) -> None:
        """Look for ourselves, so that the nodes near us are known here, and we there; and far off, where we know few."""
        for _ in range(JOIN_TRIES):
            if (await self.lookup(node_key(self._own_id))).nearest:
                break
        await self.lookup(secrets.token_bytes(KEY_BYTES))

    async def lookup(self, key: bytes) -> Result:
        """Ask ever nearer nodes, three at a time, until the nearest 16 have answered or there is nobody left."""
        search = Search(key, self._start(key))
        await self._search_whole(search)
        nearest = closest(search.answered.values(), key, BUCKET_SIZE)
        return Result(nearest=tuple(nearest), providers=tuple(search.providers.values()), asked=len(search.asked))

    async def find_node(self, node_id: NodeId) -> SignedRecord | None:
        """The newest record of a node that others have, without asking itself; None if nobody knows it."""
        key = node_key(node_id)
        search = Search(key, self._start(key), spare=node_id)
        await self._search_whole(search)
        return search.spared

    async def publish(self, key: bytes) -> int:
        """Say at the 16 nodes nearest to a key that this node provides it, now and while `run` runs; returns how many keep it."""
        self._published.add(key)
        result = await self.lookup(key)
        kept: list[bool] = []

        async def leave(whom: SignedRecord) -> None:
            try:
                with anyio.fail_after(ASK_SECONDS):
                    answer = await self._asker.provide(whom, Provide(key=key, own=self._own_record()))
            except (CrofterError, TimeoutError):
                self._failed(whom.record.node_id)
            else:
                kept.append(answer.kept)

        async with anyio.create_task_group() as tasks:
            for whom in result.nearest:
                tasks.start_soon(leave, whom)
        return sum(kept)

    def withdraw(self, key: bytes) -> None:
        """Say it no more; others forget it within the hour."""
        self._published.discard(key)

    async def run(self) -> None:
        """Know our neighbours anew after a minute, and every twenty minutes with saying again what is published, until cancelled."""
        await anyio.sleep(SETTLING_SECONDS)
        await self.join()
        while True:
            await anyio.sleep(REPUBLISH_SECONDS)
            self.provided.forget_old(self._clock())
            await self.join()
            for key in list(self._published):
                await self.publish(key)

    async def _search_whole(self, search: Search) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(PARALLEL):
                tasks.start_soon(self._search, search, tasks)

    async def _search(self, search: Search, tasks: TaskGroup) -> None:
        """One of three that ask at the same time. A dead node holds up one of them only, and not until it is known to be dead."""
        while True:
            progress = search.progress
            if (whom := search.next()) is not None:
                answered = anyio.Event()
                tasks.start_soon(self._ask, search, whom, answered)
                with anyio.move_on_after(PATIENCE_SECONDS):
                    await answered.wait()
            elif search.out:
                await progress.wait()
            else:
                return

    async def _ask(self, search: Search, whom: SignedRecord, answered: anyio.Event) -> None:
        try:
            await self._ask_one(search, whom)
        finally:
            search.came_back()
            answered.set()

    async def _ask_one(self, search: Search, whom: SignedRecord) -> None:
        node_id = whom.record.node_id
        try:
            with anyio.fail_after(ASK_SECONDS):
                found = await self._asker.find(whom, Find(key=search.key, own=self._own_record()))
        except (CrofterError, TimeoutError):
            self._failed(node_id)
            search.failed.add(node_id)
            return
        self.table.offer(whom)
        search.answered[node_id] = whom
        # Answers repeat each other, and checking a signature is what a lookup costs.
        for content in search.unseen(found.nearest, search.seen_near):
            signed = self._accepted(content)
            if signed is not None and not self._is_dead(signed.record.node_id):
                search.hear_of(signed)
        for content in search.unseen(found.providers, search.seen_providers):
            if (signed := self._accepted(content)) is not None:
                search.providers.setdefault(signed.record.node_id, signed)

    def _start(self, key: bytes) -> list[SignedRecord]:
        """The contacts nearest to a key, without those that have just failed; all, if it is everybody: it may be our own network."""
        living = (each.signed for each in self.table.contacts() if not self._is_dead(each.node_id))
        return closest(living, key, BUCKET_SIZE) or self.table.closest(key)

    def _meet_asker(self, caller: Caller, content: bytes) -> None:
        """Only one who comes from where his record says he is: others could not reach him, or it is not his place among subnets."""
        if not content or caller.relayed or self.table.has(caller.node_id, content):
            return
        signed = self._accepted(content)
        if signed is None or signed.record.node_id != caller.node_id:
            return
        if is_same_host(caller.address, signed.record.addresses):
            self.table.offer(signed)

    def _accepted(self, content: bytes) -> SignedRecord | None:
        accepted = accept_record(content, network=self._network, now=self._clock(), known_sequence=self._own_is_known)
        if isinstance(accepted, str):
            self.refusals[accepted] += 1
            return None
        return accepted

    def _own_is_known(self, node_id: NodeId) -> int | None:
        return 1 << 60 if node_id == self._own_id else None

    def _failed(self, node_id: NodeId) -> None:
        """Others will name a dead node for a while: it is not asked again meanwhile."""
        self.table.failed(node_id)
        self._dead.pop(node_id, None)
        self._dead[node_id] = self._clock() + DEAD_SECONDS
        if len(self._dead) > MOST_DEAD:
            del self._dead[next(iter(self._dead))]

    def _is_dead(self, node_id: NodeId) -> bool:
        return self._dead.get(node_id, 0.0) > self._clock()
