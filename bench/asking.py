"""What a request of one node to another costs, for `network.py`: with limits, deadlines, cancellation and liveness, on loopback."""

import statistics
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter

import anyio

from crofter.core import NodeId
from crofter.network import BindOptions, Caller, IrohTransport, Kind, PeerAddress, Peers, Rules

_ECHO = Kind(name="echo", request=bytes, reply=bytes, who="trusted", most_bytes=1 << 20, per_minute=1 << 40)
_TIMEOUT_SECONDS = 60.0


async def asking_figures(size_bytes: int, requests: int, at_once: int, requests_of_each: int) -> dict[str, float]:
    """Milliseconds of one request and its reply, the median; and requests a second when so many ask at once."""
    taken: list[float] = []
    async with _asker() as ask:
        for _ in range(requests + 20):
            started = perf_counter()
            await ask(bytes(size_bytes))
            taken.append(perf_counter() - started)

        async def ask_on() -> None:
            for _ in range(requests_of_each):
                await ask(bytes(size_bytes))

        started = perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(ask_on)
        per_second = at_once * requests_of_each / (perf_counter() - started)
    return {"call_ms": 1e3 * statistics.median(taken[20:]), "calls": per_second}


@asynccontextmanager
async def _asker() -> AsyncGenerator[Callable[[bytes], Awaitable[bytes]]]:
    """Of one node, to another."""
    places: dict[NodeId, PeerAddress] = {}

    class Book:
        def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
            return places.get(node_id)

    async def echo(_: Caller, request: bytes) -> bytes:
        return request

    one, other = (Peers(Rules(mode="private", standing=lambda _: "trusted"), [Book()], (_ECHO,)) for _ in range(2))
    other.serve(_ECHO, echo)
    async with anyio.create_task_group() as tasks:
        for seed, peers in ((1, one), (2, other)):
            ready = anyio.Event()

            async def run(seed: int = seed, peers: Peers = peers, ready: anyio.Event = ready) -> None:
                await peers.run(IrohTransport(), bytes([seed]) * 32, BindOptions(), ready=ready.set)

            tasks.start_soon(run)
            await ready.wait()
        there = other.node_id
        places[there] = PeerAddress(node_id=there, addresses=other.addresses())
        yield lambda data: one.call(there, _ECHO, data, timeout_seconds=_TIMEOUT_SECONDS)
        tasks.cancel_scope.cancel()
