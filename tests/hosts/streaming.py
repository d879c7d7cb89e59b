"""A program: one node without the rest of Crofter, that streams to another or lets itself be streamed to.

`SEED serve` prints its id and answers. `SEED watch ID ADDRESS...` prints its own, asks for a stream of ticks and prints each as a line
of JSON, and at the end why it ended. Both trust whoever comes.
"""

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


async def watch(peers: Peers, node_id: NodeId) -> None:
    try:
        async with aclosing(peers.stream(node_id, TICKS, Tick(2**20), timeout_seconds=300.0)) as stream:
            async for tick in stream:
                tell(number=tick.number)
    except CrofterError as error:
        tell(error=error.message, code=error.code.code)


async def main(*arguments: str) -> None:
    seed, what, *peer = arguments
    others = [PeerAddress(node_id=NodeId(bytes.fromhex(peer[0])), addresses=tuple(peer[1:]))] if peer else []
    peers = Peers(Rules(mode="private", standing=lambda _: "trusted"), [Book(*others)], (TICKS,))
    peers.serve(TICKS, ticks)
    async with anyio.create_task_group() as tasks:
        ready = anyio.Event()
        options = BindOptions(addresses=(f"0.0.0.0:{NODE_PORT}",))
        tasks.start_soon(partial(peers.run, IrohTransport(), bytes([int(seed)]) * 32, options, ready=ready.set))
        await ready.wait()
        tell(id=peers.node_id.hex())
        if what == "watch":
            await watch(peers, others[0].node_id)
            tasks.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
