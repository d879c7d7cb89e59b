"""A program: one node without the rest of Crofter, that streams to another or lets itself be streamed to.

It prints its id, as JSON. With `--watch ID` it asks that node for a stream of ticks and prints each with the path it came over, and at
the end why it ended; without, it answers. Both trust whoever comes.
"""

import argparse
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import anyio
import msgspec

from crofter.core import CrofterError, NodeId
from crofter.network import BindOptions, Caller, IrohTransport, PeerAddress, Peers, Rules, StreamKind
from tests.hosts.topology import NODE_PORT

EVERY_SECONDS = 0.05


class Tick(msgspec.Struct):
    number: int = 0


TICKS = StreamKind(name="ticks", request=Tick, reply=Tick, who="trusted", most_bytes=1_000, per_minute=600)


class Book:
    """Where the other one is."""

    def __init__(self, *known: PeerAddress) -> None:
        self._known = {peer.node_id: peer for peer in known}

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        return self._known.get(node_id)


def tell(**what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


async def ticks(caller: Caller, request: Tick) -> AsyncGenerator[Tick]:
    for number in range(request.number):
        yield Tick(number)
        await anyio.sleep(EVERY_SECONDS)


def path_of(peers: Peers) -> str:
    """The way that payload goes at this moment."""
    paths = [path for line in peers.lines() for path in line.connection.paths() if path.selected]
    return "" if not paths else "relayed" if paths[0].relayed else "direct"


async def watch(peers: Peers, node_id: NodeId) -> None:
    try:
        async with aclosing(peers.stream(node_id, TICKS, Tick(2**20), timeout_seconds=300.0)) as stream:
            async for tick in stream:
                tell(number=tick.number, path=path_of(peers))
    except CrofterError as error:
        tell(error=error.message, code=error.code.code)


async def main(asked: argparse.Namespace) -> None:
    other = PeerAddress(node_id=NodeId(asked.watch), addresses=tuple(asked.at), relay_url=asked.relay)
    peers = Peers(Rules(mode="private", standing=lambda _: "trusted"), [Book(other)], (TICKS,))
    peers.serve(TICKS, ticks)
    options = BindOptions(addresses=(f"0.0.0.0:{NODE_PORT}",), relay_urls=(asked.relay,) if asked.relay else ())
    async with anyio.create_task_group() as tasks:
        ready = anyio.Event()
        tasks.start_soon(partial(peers.run, IrohTransport(), bytes([asked.seed]) * 32, options, ready=ready.set))
        await ready.wait()
        await peers.announce(tuple(asked.announce))
        while asked.relay and not await peers.relay():  # noqa: ASYNC110 - nothing tells when
            await anyio.sleep(EVERY_SECONDS)
        tell(id=peers.node_id.hex())
        if asked.watch:
            await watch(peers, other.node_id)
            tasks.cancel_scope.cancel()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("seed", type=int, help="Its key is made of this number.")
    parser.add_argument("--watch", type=bytes.fromhex, default=b"", help="The id of the node to stream from.")
    parser.add_argument("--at", action="append", default=[], help="An address of that node.")
    parser.add_argument("--relay", help="The relay that both use.")
    parser.add_argument("--announce", action="append", default=[], help="An address that this node is seen under.")
    return parser.parse_args()


if __name__ == "__main__":
    anyio.run(main, arguments())
