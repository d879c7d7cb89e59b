"""How well nodes find each other: a swarm in virtual time with churn, and how soon a node that returns has its first connection.

    python bench/discovery.py [--quick] [--json]

The swarm runs the node's own tables, lookups and gossip over lines that take 20 to 120 ms and lose some messages; its seconds are
virtual, and dead nodes cost their timeouts. The return is real: an encrypted store with a full cache, and iroh on loopback.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import anyio
from report import machine

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import BindOptions, Caller, IrohTransport, PeerRecord, SignedRecord, network_tag, sign_record
from crofter.network.discovery import (
    Dht,
    Find,
    Found,
    Gossip,
    Here,
    PeerCache,
    Provide,
    Provided,
    Rumour,
    Sending,
    node_key,
)
from crofter.network.discovery.dht import SETTLING_SECONDS
from crofter.network.discovery.gossip import BEAT_SECONDS
from crofter.network.discovery.plan import CAPACITY
from crofter.store import Database, PeerRecords
from crofter.trust import Identity
from tests.virtual_time import VIRTUAL_TIME

NOW = 1_800_000_000.0
TAG = network_tag(b"bench")
DEAD_SHARE = 0.2
LOST_SHARE = 0.02
FASTEST_SECONDS, SLOWEST_SECONDS = 0.02, 0.12
CONNECTED = 16
BEATS = 15


class Sizes(NamedTuple):
    """How much is tried."""

    nodes: int
    lookups: int
    rumours: int
    returns: int


FULL, QUICK = Sizes(1000, 200, 20, 9), Sizes(1000, 40, 3, 3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How well nodes find each other.")
    parser.add_argument("--quick", action="store_true", help="fewer lookups in the same swarm")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    load_before, started = os.getloadavg()[0], perf_counter()
    figures = anyio.run(_swarm, sizes, backend=VIRTUAL_TIME[0], backend_options=dict(VIRTUAL_TIME[1]))
    figures["swarm_real_seconds"] = perf_counter() - started
    figures["reconnect_ms"] = statistics.median(_reconnect_ms() for _ in range(sizes.returns))
    conditions = machine() | {
        "sizes": ", ".join(f"{name} {size}" for name, size in sizes._asdict().items()),
        "churn": f"{DEAD_SHARE:.0%} of the nodes killed at once, {LOST_SHARE:.0%} of messages lost",
        "load average before and after": f"{load_before:.2f}, {os.getloadavg()[0]:.2f}",
    }
    if options.json:
        print(json.dumps({"figures": figures, "conditions": conditions}, indent=1))
        return
    for name, figure in (figures | conditions).items():
        print(f"{name.replace('_', ' ')}: {figure if isinstance(figure, str) else f'{figure:.3g}'}")


class Node:
    """One of the swarm."""

    def __init__(self, swarm: "Swarm", number: int) -> None:
        self.identity = Identity(number.to_bytes(32))
        self.node_id = self.identity.node_id
        self.address = f"{11 + number % 80}.{number >> 8}.{number & 255}.7:4433"
        self.content = _signed(self.identity, (self.address,), NOW).content
        self.heard_at: dict[bytes, float] = {}
        self.dht = Dht(
            self.node_id,
            TAG,
            Line(swarm, self),
            own_record=lambda: self.content,
            clock=lambda: NOW + anyio.current_time(),
        )
        self.gossip = Gossip(
            self.identity, TAG, deliver=self._hear, clock=lambda: NOW + anyio.current_time(), seed=number
        )

    def _hear(self, rumour: Rumour) -> None:
        self.heard_at[rumour.payload] = anyio.current_time()


class Swarm:
    """All of them, and what is between them."""

    def __init__(self, count: int) -> None:
        self.chance = random.Random(0)
        self.alive = {node.node_id: node for node in (Node(self, number) for number in range(1, count + 1))}
        self.messages = 0

    async def reach(self, node_id: NodeId) -> Node:
        """The other end after some time; a lost message or a dead node never answers."""
        self.messages += 1
        await anyio.sleep(self.chance.uniform(FASTEST_SECONDS, SLOWEST_SECONDS))
        if node_id not in self.alive or self.chance.random() < LOST_SHARE:
            await anyio.sleep(10.0)
            raise CrofterError(ErrorCode.PEER_UNREACHABLE, "no answer")
        return self.alive[node_id]

    def some(self, count: int) -> list[Node]:
        return self.chance.sample(list(self.alive.values()), count)


class Line:
    """How one node asks the others."""

    def __init__(self, swarm: Swarm, own: Node) -> None:
        self._swarm = swarm
        self._own = own

    def _caller(self) -> Caller:
        own = self._own
        return Caller(node_id=own.node_id, standing="stranger", address=own.address, relayed=False)

    async def find(self, whom: SignedRecord, find: Find) -> Found:
        return await (await self._swarm.reach(whom.record.node_id)).dht.find(self._caller(), find)

    async def provide(self, whom: SignedRecord, provide: Provide) -> Provided:
        return await (await self._swarm.reach(whom.record.node_id)).dht.provide(self._caller(), provide)


async def _swarm(sizes: Sizes) -> dict[str, float]:
    swarm = Swarm(sizes.nodes)
    figures: dict[str, float] = {}
    first, *others = list(swarm.alive.values())
    started = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for node in others:
            node.dht.met(first.content)
            tasks.start_soon(node.dht.join)
            await anyio.sleep(0.05)  # they come one after another, twenty a second
    figures["join_seconds_after_the_last_came"] = anyio.current_time() - started - 0.05 * len(others)
    figures["join_messages_a_node"] = swarm.messages / sizes.nodes
    await anyio.sleep(SETTLING_SECONDS)
    async with anyio.create_task_group() as tasks:
        for node in swarm.alive.values():
            tasks.start_soon(node.dht.join)  # as `Dht.run` does then
    figures["contacts_a_node"] = statistics.mean(len(node.dht.table.contacts()) for node in swarm.alive.values())
    figures |= await _lookups(swarm, sizes.lookups, "whole")
    figures |= await _rumours(swarm, sizes.rumours)
    provided, keys = swarm.some(10), [number.to_bytes(32) for number in range(10)]
    for node, key in zip(provided, keys, strict=True):
        await node.dht.publish(key)
    keepers = {node.node_id for node in provided}
    for node in swarm.some(int(sizes.nodes * DEAD_SHARE)):
        if node.node_id not in keepers:
            del swarm.alive[node.node_id]
    figures |= await _lookups(swarm, sizes.lookups, "churned")
    found = 0
    for node, key in zip(provided, keys, strict=True):
        result = await swarm.some(1)[0].dht.lookup(key)
        found += any(each.record.node_id == node.node_id for each in result.providers)
    figures["providers_found_share_churned"] = found / len(keys)
    return figures


async def _lookups(swarm: Swarm, count: int, name: str) -> dict[str, float]:
    found, seconds, asked = 0, list[float](), list[int]()
    for _ in range(count):
        asker, target = swarm.some(2)
        started = anyio.current_time()
        result = await asker.dht.lookup(node_key(target.node_id))
        seconds.append(anyio.current_time() - started)
        asked.append(result.asked)
        found += any(each.record.node_id == target.node_id for each in result.nearest)
    return {
        f"lookup_found_share_{name}": found / count,
        f"lookup_p50_seconds_{name}": statistics.median(seconds),
        f"lookup_asked_{name}": statistics.mean(asked),
    }


async def _rumours(swarm: Swarm, count: int) -> dict[str, float]:
    ids = list(swarm.alive)
    for node in swarm.alive.values():
        node.gossip.set_connected(each for each in swarm.chance.sample(ids, CONNECTED) if each != node.node_id)
    swarm.messages = 0
    said: dict[bytes, float] = {}
    async with anyio.create_task_group() as tasks:
        for number in range(count):
            teller, payload = swarm.some(1)[0], number.to_bytes(4)
            said[payload] = anyio.current_time()
            for sending in teller.gossip.publish("bench", payload):
                tasks.start_soon(_tell, swarm, teller, sending, tasks)
        for _ in range(BEATS):
            await anyio.sleep(BEAT_SECONDS)
            for node in swarm.alive.values():
                for sending in node.gossip.beat():
                    tasks.start_soon(_tell, swarm, node, sending, tasks)
    delays = [at - said[payload] for node in swarm.alive.values() for payload, at in node.heard_at.items()]
    return {
        "gossip_delivered_share": len(delays) / (count * (len(ids) - 1)),
        "gossip_p50_seconds": statistics.median(delays),
        "gossip_p99_seconds": statistics.quantiles(delays, n=100)[98],
        "gossip_messages_a_node_and_second": swarm.messages / len(ids) / BEATS,
    }


async def _tell(swarm: Swarm, teller: Node, sending: Sending, tasks: anyio.abc.TaskGroup) -> None:
    try:
        there = await swarm.reach(sending.node_id)
    except CrofterError:
        return
    wanted, onward = there.gossip.told(teller.node_id, sending.message)
    for each in onward:
        tasks.start_soon(_tell, swarm, there, each, tasks)
    for each in teller.gossip.answered(sending.node_id, wanted):
        tasks.start_soon(_tell, swarm, teller, each, tasks)


def _signed(identity: Identity, addresses: tuple[str, ...], at: float) -> SignedRecord:
    record = PeerRecord(
        node_id=identity.node_id, sequence=int(at * 1000), expires_at=int(at + 3600), network=TAG, addresses=addresses
    )
    return sign_record(identity, record)


def _nobody(_: NodeId) -> bool:
    return False


def _reconnect_ms() -> float:
    """From an encrypted store on disk to a connection with somebody met before, its import of iroh already paid."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_returned(Path(folder) / "node.db"))


async def _returned(path: Path) -> float:
    here = Here(Identity(bytes(32)).node_id, TAG, lambda: "machine", _nobody, lambda: NOW)
    friend = Identity(bytes([1]) * 32)
    transport, local = IrohTransport(), ("127.0.0.1:0",)
    async with transport.bind(friend.seed, BindOptions(addresses=local)) as there:
        database = Database.open(path, bytes(32))
        cache = PeerCache(PeerRecords(database), here)
        for number in range(10_000, 10_000 + CAPACITY - 1):
            cache.learn(_signed(Identity(number.to_bytes(32)), ("127.0.0.1:9",), NOW).content, friend.node_id)
        cache.learn(_signed(friend, there.addresses(), NOW).content, friend.node_id)
        cache.worked(friend.node_id)
        cache.save()
        database.close()

        started = perf_counter()
        cache = PeerCache(PeerRecords(Database.open(path, bytes(32))), here)
        async with transport.bind(bytes(32), BindOptions(addresses=local)) as endpoint:
            address = cache.addresses_of(cache.candidates(1)[0])
            assert address is not None
            await endpoint.dial(address, 5.0)
            return (perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
