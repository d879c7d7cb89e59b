"""Nodes hear of others from those they know: only what is true, only within one radius, never more than fits."""

from pathlib import Path

import msgspec
import pytest

from crofter.core import NodeId, Radius
from crofter.network import Caller
from crofter.network.discovery import Here, PeerCache, PeerExchange, PeersOffered, PeersWanted
from crofter.network.discovery.messages import MOST_RECORDS
from crofter.network.kinds import Standing
from crofter.network.wire import PEERS
from crofter.store import Database, PeerRecords
from tests.unit.network.discovery.conftest import NOW, TAG, node, signed

pytestmark = pytest.mark.anyio


def exchange_of(
    number: int, folder: Path, standings: dict[int, Standing] | None = None
) -> tuple[PeerExchange, PeerCache]:
    standings = standings or {}
    by_id: dict[NodeId, Standing] = {node(other): standing for other, standing in standings.items()}
    here = Here(node(number), TAG, lambda: "lan", lambda _: False, lambda: NOW)
    cache = PeerCache(PeerRecords(Database.open(folder / f"{number}.db", bytes(32))), here)

    def standing(node_id: NodeId) -> Standing:
        return by_id.get(node_id, "stranger")

    own = signed(number).content
    return PeerExchange(cache, own_record=lambda: own, standing=standing, seed=0), cache


def caller(number: int, radius: Radius = "public") -> Caller:
    standing: Standing = "trusted" if radius == "trusted" else "stranger"
    return Caller(node_id=node(number), standing=standing, address="", relayed=False)


def reached(cache: PeerCache, *numbers: int) -> None:
    for number in numbers:
        cache.learn(signed(number).content, node(number))
        cache.worked(node(number))


def named(offered: PeersOffered) -> set[int]:
    return {number for number in range(1, 60) if signed(number).content in offered.records}


async def test_two_nodes_learn_of_each_other_and_of_whom_the_other_reached(tmp_path: Path) -> None:
    one, one_cache = exchange_of(1, tmp_path)
    two, two_cache = exchange_of(2, tmp_path)
    reached(two_cache, 3, 4)
    two_cache.learn(signed(5).content, node(3))  # hearsay is not passed on

    async def ask(node_id: NodeId, wanted: PeersWanted) -> PeersOffered:
        assert node_id == node(2)
        return await two.answer(caller(1), wanted)

    assert set(await one.ask(ask, node(2))) == {node(3), node(4)}
    assert one_cache.candidates(1) == [node(2)]
    assert two_cache.record_of(node(1)) == signed(1).record
    assert one_cache.record_of(node(5)) is None
    assert await one.ask(ask, node(2)) == []
    assert one.refusals == {"not newer": 3}
    assert [peer.node_id for peer in one_cache.fresh()] == [node(2)]


async def test_trusted_nodes_hear_of_trusted_ones_and_strangers_of_strangers(tmp_path: Path) -> None:
    exchange, cache = exchange_of(1, tmp_path, {2: "trusted", 3: "trusted", 4: "pending", 5: "blocked"})
    reached(cache, 2, 3, 4, 5, 6, 7)
    assert named(await exchange.answer(caller(2, "trusted"), PeersWanted())) == {3}
    assert named(await exchange.answer(caller(6), PeersWanted())) == {7}


async def test_an_answer_names_few_and_fits_its_kind(tmp_path: Path) -> None:
    exchange, cache = exchange_of(1, tmp_path)
    reached(cache, *range(2, 60))
    offered = await exchange.answer(caller(99), PeersWanted())
    assert len(set(offered.records)) == MOST_RECORDS
    assert (
        len(msgspec.msgpack.encode(PeersOffered(own=bytes(1024), records=(bytes(1024),) * MOST_RECORDS)))
        <= PEERS.most_bytes
    )


async def test_poison_is_counted_and_changes_nothing(tmp_path: Path) -> None:
    exchange, cache = exchange_of(1, tmp_path)
    reached(cache, 3)
    forged = signed(4).content[:64] + signed(5).content[64:]
    poison = (b"garbage", forged, signed(3, at=NOW - 60).content, signed(6, tag=bytes(8)).content, signed(1).content)

    async def lie(node_id: NodeId, wanted: PeersWanted) -> PeersOffered:
        return PeersOffered(own=signed(7).content, records=poison)

    assert await exchange.ask(lie, node(2)) == []
    assert exchange.refusals == {"malformed": 1, "wrong signature": 1, "not newer": 2, "other network": 1}
    assert cache.candidates(10) == [node(3), node(7)]
    assert [peer.node_id for peer in cache.fresh()] == [node(3)]  # whom a liar names in its own place counts as hearsay


async def test_too_many_records_are_refused_before_they_are_looked_at() -> None:
    flood = msgspec.msgpack.encode({"records": [b"x"] * (MOST_RECORDS + 1)})
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(flood, type=PeersOffered)
