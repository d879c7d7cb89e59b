"""What an attack on the network costs the node, and what it costs the attacker: memory and processor time, each in a process of its own.

    python bench/hostile.py [--quick] [--json]

The node is in mode `public` on loopback, over iroh, with its cache, DHT and gossip; a friend goes on asking it meanwhile. What is to be
seen: its memory comes to rest, the friend is served, and whoever attacks works for it.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.lowlevel
import msgspec
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream
from nodes import Book
from report import machine

from crofter.core import CrofterError
from crofter.network import (
    PING,
    BindOptions,
    Caller,
    Connection,
    Discovery,
    Endpoint,
    IrohTransport,
    OwnNetwork,
    OwnRecord,
    PeerAddress,
    PeerRecord,
    Peers,
    Ping,
    Pong,
    Rules,
    framed,
    sign_record,
)
from crofter.network.discovery import Find, Told
from crofter.network.wire import FIND, GOSSIP
from crofter.store import Database, PeerRecords
from crofter.trust import Identity

FRIEND, VICTIM = Identity(bytes(31) + b"f"), Identity(bytes(31) + b"v")
AT_ONCE = 8

Attack = Callable[["Attacker", float], Awaitable[int]]


class State(NamedTuple):
    """The node at a moment."""

    resident_bytes: int
    cpu_seconds: float
    connections: int
    remembered: int
    contacts: int


class Attacker(NamedTuple):
    """Where the victim is, and who attacks."""

    endpoint: Endpoint
    victim: PeerAddress

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[Connection]:
        """One connection under the attacker's one id."""
        connection = await self.endpoint.dial(self.victim, 10.0)
        try:
            yield connection
        finally:
            connection.close()


def main() -> None:
    """Attack and print."""
    parser = argparse.ArgumentParser(description="What attacks cost.")
    parser.add_argument("--quick", action="store_true", help="a few seconds of each")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--victim", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.victim:
        anyio.run(_be_attacked)
        return
    seconds = 4.0 if options.quick else 20.0
    load_before = os.getloadavg()[0]
    results = anyio.run(_attack_all, seconds)
    conditions = machine() | {
        "network": f"iroh {version('iroh')}",
        "seconds of each": f"{seconds:g}",
        "load average before and after": f"{load_before:.2f}, {os.getloadavg()[0]:.2f}",
    }
    if options.json:
        print(json.dumps({"attacks": results, "conditions": conditions}, indent=1))
        return
    print("| attack | done | MiB more | CPU of attacker / of node | friend's ping, p50 ms |\n|---|---|---|---|---|")
    for name, f in results.items():
        print(f"| {name} | {f['done']:.0f} | {f['grown_mib']:.1f} | {f['cost']:.2f} | {f['ping_ms']:.1f} |")
    for key, value in conditions.items():
        print(f"{key}: {value}")


async def _attack_all(seconds: float) -> dict[str, dict[str, float]]:
    command = [sys.executable, __file__, "--victim"]
    async with await anyio.open_process(command, stderr=None) as process, aclosing(_lines(process)) as lines:
        there = json.loads(await anext(lines))
        victim = PeerAddress(node_id=VICTIM.node_id, addresses=tuple(there["addresses"]))
        results: dict[str, dict[str, float]] = {}
        for name, attack in ATTACKS.items():
            print(f"{name} …", file=sys.stderr)
            async with IrohTransport().bind(os.urandom(32), BindOptions()) as endpoint:
                await attack(Attacker(endpoint, victim), seconds / 4)  # what is allocated once is there now
            async with IrohTransport().bind(os.urandom(32), BindOptions()) as endpoint:
                attacker = Attacker(endpoint, victim)
                results[name] = await _measured(attack, attacker, seconds, lambda: _state(process, lines))
        process.terminate()
        return results


async def _measured(
    attack: Attack, attacker: Attacker, seconds: float, look: Callable[[], Awaitable[State]]
) -> dict[str, float]:
    before, own_before = await look(), time.process_time()
    done, pings = 0, list[float]()

    async def attacked() -> None:
        nonlocal done
        done = await attack(attacker, seconds)
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_ask_as_friend, attacker.victim, pings)
        tasks.start_soon(attacked)
    after, own = await look(), time.process_time() - own_before
    return {
        "done": done,
        "grown_mib": (after.resident_bytes - before.resident_bytes) / 2**20,
        "cost": own / max(1e-3, after.cpu_seconds - before.cpu_seconds),
        "ping_ms": statistics.median(pings) if pings else float("nan"),
        "connections": after.connections,
        "remembered": after.remembered,
        "contacts": after.contacts,
    }


async def _ask_as_friend(victim: PeerAddress, pings: list[float]) -> None:
    peers = Peers(Rules(mode="private", standing=lambda _: "trusted"), [Book(victim)])

    async def ask() -> None:
        while True:
            began = time.perf_counter()
            await peers.call(victim.node_id, PING, Ping())
            pings.append(1e3 * (time.perf_counter() - began))
            await anyio.sleep(0.6)  # a friend too is asked to keep to 120 a minute

    await peers.run(IrohTransport(), FRIEND.seed, BindOptions(), beside=ask)


async def _new_ids(attacker: Attacker, seconds: float) -> int:
    """A connection under a new id each time, and one question."""
    done = 0

    async def one() -> None:
        nonlocal done
        while True:
            async with IrohTransport().bind(os.urandom(32), BindOptions()) as endpoint:
                with suppress(CrofterError):
                    await _say(await endpoint.dial(attacker.victim, 5.0), _request("ping", Ping()))
                done += 1

    await _for(seconds, one)
    return done


async def _nonsense(attacker: Attacker, seconds: float) -> int:
    """Streams with frames that are too large, cut, nested or of nothing."""
    sent = (b"\xff\xff\xff\xff" + bytes(200), framed(b"\xc1\xc1"), framed(b"\x91" * 120), b"\x00\x00")
    return await _streams(attacker, seconds, lambda number: sent[number % len(sent)])


async def _too_many(attacker: Attacker, seconds: float) -> int:
    """Ever more requests of a kind that is limited."""
    return await _streams(attacker, seconds, lambda _: _request("ping", Ping()))


async def _invented_nodes(attacker: Attacker, seconds: float) -> int:
    """Questions to the DHT, each with the record of another invented node."""
    return await _streams(attacker, seconds, lambda _: _request(FIND.name, Find(key=os.urandom(32), own=_invented())))


async def _false_rumours(attacker: Attacker, seconds: float) -> int:
    """Gossip whose signatures do not hold."""
    false = tuple(os.urandom(64) + msgspec.msgpack.encode([1, os.urandom(32), bytes(8)]) for _ in range(16))
    return await _streams(attacker, seconds, lambda _: _request(GOSSIP.name, Told(rumours=false)))


async def _slow_loris(attacker: Attacker, seconds: float) -> int:
    """As many streams as there may be, each a byte a second."""
    done = 0

    async def one() -> None:
        nonlocal done
        async with attacker.connected() as connection, anyio.create_task_group() as tasks:

            async def drip() -> None:
                nonlocal done
                with suppress(CrofterError):
                    stream = await connection.open_stream()
                    for byte in framed(bytes(100)):
                        await stream.write(bytes([byte]))
                        done += 1
                        await anyio.sleep(1)

            for _ in range(500):
                tasks.start_soon(drip)

    async def again_and_again() -> None:
        while True:
            with suppress(CrofterError):
                await one()

    await _for(seconds, again_and_again, workers=1)
    return done


ATTACKS: dict[str, Attack] = {
    "connections of new ids": _new_ids,
    "malformed frames": _nonsense,
    "too many requests": _too_many,
    "slow streams, bytes": _slow_loris,
    "invented nodes for the DHT": _invented_nodes,
    "false rumours": _false_rumours,
}


async def _streams(attacker: Attacker, seconds: float, data: Callable[[int], bytes]) -> int:
    done = 0

    async def one() -> None:
        nonlocal done
        while True:
            with suppress(CrofterError):
                async with attacker.connected() as connection:
                    while True:
                        await _say(connection, data(done))
                        done += 1

    await _for(seconds, one, workers=1)
    return done


async def _say(connection: Connection, data: bytes) -> None:
    stream = await connection.open_stream()
    try:
        await stream.write(data)
        await stream.finish()
        await stream.read(1024)
    except CrofterError:
        await anyio.lowlevel.checkpoint()
    finally:
        await stream.reset(0)
        await stream.stop(0)


async def _for(seconds: float, work: Callable[[], Coroutine[object, object, None]], workers: int = AT_ONCE) -> None:
    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as tasks:
            for _ in range(workers):
                tasks.start_soon(work)


def _request(kind: str, message: msgspec.Struct) -> bytes:
    return framed(msgspec.msgpack.encode([kind, 5.0])) + framed(msgspec.msgpack.encode(message))


def _invented() -> bytes:
    identity, now = Identity.make(), time.time()
    record = PeerRecord(
        node_id=identity.node_id,
        sequence=int(now * 1000),
        expires_at=int(now) + 3600,
        network=OwnNetwork(b"").tag(),
        addresses=("127.0.0.1:7412",),
    )
    return sign_record(identity, record).content


async def _state(process: Process, lines: AsyncGenerator[str]) -> State:
    assert process.stdin is not None
    await process.stdin.send(b"?\n")
    return State(**json.loads(await anext(lines)))


async def _lines(process: Process) -> AsyncGenerator[str]:
    assert process.stdout is not None
    rest = ""
    async for text in TextReceiveStream(process.stdout):
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield line


async def _be_attacked() -> None:
    """The node: says where it is, then how it is whenever it is asked."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "node.db", bytes(32))
        rules = Rules(mode="public", standing=lambda who: "trusted" if who == FRIEND.node_id else "stranger")
        peers = Peers(rules, [])
        own = OwnRecord(VICTIM, OwnNetwork(b""), peers.addresses, lambda: None, time.time)
        discovery = Discovery(peers, rules, own, PeerRecords(database), trusted=lambda: ())

        async def pong(caller: Caller, _: Ping) -> Pong:
            return Pong(seen_at=caller.address)

        async def report() -> None:
            print(json.dumps({"addresses": peers.addresses()}), flush=True)
            asked = anyio.wrap_file(sys.stdin)
            async for _ in asked:
                print(json.dumps(_now(peers, discovery)._asdict()), flush=True)

        async def beside() -> None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(report)
                tasks.start_soon(discovery.run)

        peers.serve(PING, pong)
        await peers.run(IrohTransport(), VICTIM.seed, BindOptions(), beside=beside)


def _now(peers: Peers, discovery: Discovery) -> State:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    found = discovery.state()
    return State(
        pages * os.sysconf("SC_PAGE_SIZE"), time.process_time(), len(peers.lines()), found.remembered, found.contacts
    )


if __name__ == "__main__":
    main()
