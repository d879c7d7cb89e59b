"""A program: one node without the rest of Crofter, that pours bytes to another, or asks for them and small things beside.

It prints its id, as JSON. With `--ask ID` it then prints what small requests took, in milliseconds, and what came in megabits a second:
alone, beside a stream of low priority, and beside one of ordinary priority, which no window holds back. Both trust whoever comes.
"""

import argparse
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from time import perf_counter

import anyio
import msgspec

from crofter.core import NodeId
from crofter.network import BULK, BindOptions, Caller, IrohTransport, Kind, PeerAddress, Peers, Rules, StreamKind
from tests.hosts.streaming import Book, tell
from tests.hosts.topology import NODE_PORT

_ITEM_BYTES = 256 * 1024
_PAUSE_SECONDS = 0.02


class Nothing(msgspec.Struct):
    pass


ASK = Kind(name="ask", request=Nothing, reply=Nothing, who="trusted", most_bytes=1_000, per_minute=100_000)
FLOOD = StreamKind(name="flood", request=Nothing, reply=bytes, who="trusted", most_bytes=_ITEM_BYTES, per_minute=600)
POUR = msgspec.structs.replace(FLOOD, name="pour", priority=BULK)


async def answer(caller: Caller, request: Nothing) -> Nothing:
    return request


async def pour(caller: Caller, request: Nothing) -> AsyncGenerator[bytes]:
    while True:
        yield bytes(_ITEM_BYTES)


class Asking:
    """Small requests to one node, and a stream beside them."""

    def __init__(self, peers: Peers, node_id: NodeId, seconds: float) -> None:
        self._peers = peers
        self._node_id = node_id
        self._seconds = seconds
        self._came_bytes = 0

    async def tell(self, what: str, kind: StreamKind[Nothing, bytes] | None) -> None:
        """Ask for as long as it takes, beside such a stream, and print the figures."""
        async with anyio.create_task_group() as tasks:
            if kind is not None:
                tasks.start_soon(self._swallow, kind)
                await anyio.sleep(self._seconds / 2)
            self._came_bytes = 0
            taken = sorted(await self._ask())
            tell(
                what=what,
                p50_ms=taken[len(taken) // 2],
                p99_ms=taken[len(taken) * 99 // 100],
                megabits=self._came_bytes * 8 / 1e6 / self._seconds,
            )
            tasks.cancel_scope.cancel()

    async def _ask(self) -> list[float]:
        taken = list[float]()
        deadline = perf_counter() + self._seconds
        while (began := perf_counter()) < deadline:
            await self._peers.call(self._node_id, ASK, Nothing(), timeout_seconds=30.0)
            taken.append(1e3 * (perf_counter() - began))
            await anyio.sleep(_PAUSE_SECONDS)
        return taken

    async def _swallow(self, kind: StreamKind[Nothing, bytes]) -> None:
        async with aclosing(self._peers.stream(self._node_id, kind, Nothing(), timeout_seconds=600.0)) as stream:
            async for item in stream:
                self._came_bytes += len(item)


async def main(asked: argparse.Namespace) -> None:
    other = PeerAddress(node_id=NodeId(asked.ask), addresses=tuple(asked.at))
    peers = Peers(Rules(mode="private", standing=lambda _: "trusted"), [Book(other)], (ASK, FLOOD, POUR))
    peers.serve(ASK, answer)
    peers.serve(FLOOD, pour)
    peers.serve(POUR, pour)
    options = BindOptions(addresses=(f"0.0.0.0:{NODE_PORT}",))
    async with anyio.create_task_group() as tasks:
        ready = anyio.Event()
        tasks.start_soon(partial(peers.run, IrohTransport(), bytes([asked.seed]) * 32, options, ready=ready.set))
        await ready.wait()
        tell(id=peers.node_id.hex())
        if asked.ask:
            asking = Asking(peers, other.node_id, asked.seconds)
            for what, kind in (("alone", None), ("beside bulk", POUR), ("beside a flood", FLOOD)):
                await asking.tell(what, kind)
                await anyio.sleep(1.0)
            tasks.cancel_scope.cancel()
        else:
            await anyio.sleep_forever()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("seed", type=int, help="Its key is made of this number.")
    parser.add_argument("--ask", type=bytes.fromhex, default=b"", help="The id of the node to ask.")
    parser.add_argument("--at", action="append", default=[], help="An address of that node.")
    parser.add_argument("--seconds", type=float, default=5.0, help="For how long to ask in each of the three.")
    return parser.parse_args()


if __name__ == "__main__":
    anyio.run(main, arguments())
