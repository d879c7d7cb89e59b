"""Fifty nodes that know one find each other and what they provide, also when a fifth is dead and some lie. Time is virtual."""

from collections import Counter
from collections.abc import Sequence

import anyio
import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import Caller, SignedRecord
from crofter.network.discovery import Dht, Find, Found, Provide, Provided, node_key
from crofter.network.discovery.dht import ASK_SECONDS, REPUBLISH_SECONDS
from crofter.network.discovery.messages import MOST_RECORDS
from crofter.network.discovery.providers import TTL_SECONDS
from crofter.network.discovery.search import MOST_ASKED
from crofter.network.records import MAXIMUM_RECORD_BYTES
from crofter.network.wire import FIND
from tests.unit.network.discovery.conftest import NOW, TAG, node, signed

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]
DELAY_SECONDS = 0.05


def caller(node_id: NodeId, address: str = "", *, relayed: bool = False) -> Caller:
    return Caller(node_id=node_id, standing="stranger", address=address, relayed=relayed)


def address(number: int) -> str:
    """Where a node's packets come from: not the port it listens at."""
    return signed(number).record.addresses[0].replace(":4433", ":50000")


class Swarm:
    """Nodes that reach each other; who is dead answers never, who lies answers with what the test says."""

    def __init__(self, count: int) -> None:
        self.dead: set[NodeId] = set()
        self.lies: dict[NodeId, Found] = {}
        self.visits: Counter[NodeId] = Counter()
        self.numbers = {node(number): number for number in range(1, count + 1)}
        self.nodes = {node(number): self._dht(number) for number in range(1, count + 1)}

    def _dht(self, number: int) -> Dht:
        return Dht(
            node(number),
            TAG,
            Line(self, node(number)),
            own_record=lambda: signed(number, at=NOW + anyio.current_time() // 600 * 600).content,
            clock=lambda: NOW + anyio.current_time(),
        )

    async def join(self) -> None:
        for number, node_id in enumerate(self.nodes, start=1):
            self.nodes[node_id].met(signed(1).content)
            self.nodes[node(1)].met(signed(number).content)
            await self.nodes[node_id].join()

    def __getitem__(self, number: int) -> Dht:
        return self.nodes[node(number)]

    async def reach(self, node_id: NodeId) -> Dht:
        self.visits[node_id] += 1
        if node_id in self.dead:
            await anyio.sleep_forever()
        await anyio.sleep(DELAY_SECONDS)
        if node_id not in self.nodes:
            raise CrofterError(ErrorCode.PEER_UNREACHABLE, "nobody there")
        return self.nodes[node_id]


class Line:
    """An Asker of one node."""

    def __init__(self, swarm: Swarm, own_id: NodeId) -> None:
        self._swarm = swarm
        self._own_id = own_id

    async def find(self, whom: SignedRecord, find: Find) -> Found:
        there = await self._swarm.reach(whom.record.node_id)
        lie = self._swarm.lies.get(whom.record.node_id)
        return lie or await there.find(caller(self._own_id, address(self._swarm.numbers[self._own_id])), find)

    async def provide(self, whom: SignedRecord, provide: Provide) -> Provided:
        return await (await self._swarm.reach(whom.record.node_id)).provide(caller(self._own_id), provide)


def ids(records: Sequence[SignedRecord]) -> set[NodeId]:
    return {each.record.node_id for each in records}


async def test_nodes_that_know_one_find_every_other() -> None:
    swarm = Swarm(50)
    await swarm.join()
    for number in range(2, 51):
        other = number % 50 + 1
        result = await swarm[number].lookup(node_key(node(other)))
        assert result.nearest[0].record.node_id == node(other)
        assert result.asked < 50


async def test_who_asks_is_known_only_if_it_comes_from_where_it_says_it_is() -> None:
    dht = Swarm(1)[1]
    find = Find(key=bytes(32), own=signed(2).content)
    await dht.find(caller(node(2)), find)
    await dht.find(caller(node(2), "8.8.8.8:4433"), find)
    await dht.find(caller(node(2), address(2), relayed=True), find)
    await dht.find(caller(node(3), address(2)), find)
    assert dht.table.contacts() == []
    await dht.find(caller(node(2), address(2)), find)
    assert [contact.node_id for contact in dht.table.contacts()] == [node(2)]


async def test_what_is_provided_is_found_after_a_fifth_of_the_nodes_has_died() -> None:
    swarm, key = Swarm(50), bytes(32)
    await swarm.join()
    assert await swarm[7].publish(key) >= 10
    swarm.dead |= {node(number) for number in range(11, 21)}
    for number in range(21, 31):
        assert ids((await swarm[number].lookup(key)).providers) == {node(7)}
        assert not ids((await swarm[number].lookup(key)).nearest) & swarm.dead


async def test_the_dead_are_asked_once_and_not_again_for_a_while() -> None:
    swarm = Swarm(30)
    await swarm.join()
    swarm.dead |= {node(number) for number in range(2, 12)}
    swarm.visits.clear()
    started = anyio.current_time()
    await swarm[20].lookup(bytes(32))
    assert anyio.current_time() - started > ASK_SECONDS
    await swarm[20].lookup(bytes(32))
    assert {swarm.visits[node_id] for node_id in swarm.dead} == {0, 1}


async def test_what_is_published_is_said_again_and_what_is_withdrawn_fades() -> None:
    swarm, key = Swarm(20), bytes(32)
    await swarm.join()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(swarm[3].run)
        await swarm[3].publish(key)
        await anyio.sleep(TTL_SECONDS + REPUBLISH_SECONDS)
        assert ids((await swarm[4].lookup(key)).providers) == {node(3)}
        swarm[3].withdraw(key)
        await anyio.sleep(TTL_SECONDS + 1)
        assert (await swarm[4].lookup(key)).providers == ()
        tasks.cancel_scope.cancel()


async def test_nobody_provides_in_the_name_of_another() -> None:
    swarm = Swarm(3)
    assert await swarm[1].provide(caller(node(2)), Provide(key=bytes(32), own=signed(3).content)) == Provided()
    assert await swarm[1].provide(caller(node(2)), Provide(key=bytes(32), own=b"garbage")) == Provided()
    assert await swarm[1].provide(caller(node(2)), Provide(key=bytes(32), own=signed(2).content)) == Provided(kept=True)


async def test_liars_cost_a_bounded_number_of_questions_and_stay_out_of_the_table() -> None:
    swarm = Swarm(12)
    await swarm.join()
    # Invented ids in any number, signed by their keys, at addresses where nobody is; and records of others that were changed.
    for liar in range(2, 8):
        invented = tuple(signed(1_000 * liar + number).content for number in range(MOST_RECORDS - 1))
        swarm.lies[node(liar)] = Found(nearest=(signed(9).content[:-1] + b"x", *invented), providers=(b"garbage",))
    swarm.visits.clear()
    result = await swarm[12].lookup(bytes(32))
    assert swarm.visits.total() == result.asked <= MOST_ASKED
    assert result.providers == ()
    assert {contact.node_id for contact in swarm[12].table.contacts()} <= swarm.nodes.keys()
    assert swarm[12].refusals == {"malformed": 2}


def test_an_answer_fits_its_kind() -> None:
    full = (bytes(MAXIMUM_RECORD_BYTES),) * MOST_RECORDS
    assert len(msgspec.msgpack.encode(Found(nearest=full, providers=full))) <= FIND.most_bytes


async def test_node_is_found_without_asking_itself_and_by_its_newest_record() -> None:
    swarm = Swarm(50)
    await swarm.join()
    swarm.dead.add(node(40))
    began = anyio.current_time()
    found = await swarm[3].find_node(node(40))
    assert found is not None
    assert found.record.node_id == node(40)
    assert anyio.current_time() - began < ASK_SECONDS
    assert await swarm[3].find_node(node(77)) is None


async def test_newest_record_of_a_node_wins_whoever_has_it() -> None:
    swarm = Swarm(12)
    old, newer = signed(40), signed(40, at=NOW + 100)
    swarm.lies = {node(10): Found(nearest=(newer.content,)), node(11): Found(nearest=(old.content,))}
    for number in (10, 11):
        swarm[3].table.offer(signed(number))
    assert await swarm[3].find_node(node(40)) == newer
