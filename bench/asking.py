"""What a request of one node to another costs, for `network.py`: with limits, deadlines, cancellation and liveness, on loopback."""

import statistics
from time import perf_counter

import anyio
from nodes import two_nodes

from crofter.network import Caller, Kind

_ECHO = Kind(name="echo", request=bytes, reply=bytes, who="trusted", most_bytes=1 << 20, per_minute=1 << 40)
_TIMEOUT_SECONDS = 60.0


async def asking_figures(size_bytes: int, requests: int, at_once: int, requests_of_each: int) -> dict[str, float]:
    """Milliseconds of one request and its reply, the median; and requests a second when so many ask at once."""
    taken: list[float] = []
    async with two_nodes({_ECHO: _echo}) as (one, other_id):

        async def ask() -> None:
            await one.call(other_id, _ECHO, bytes(size_bytes), timeout_seconds=_TIMEOUT_SECONDS)

        for _ in range(requests + 20):
            started = perf_counter()
            await ask()
            taken.append(perf_counter() - started)

        async def ask_on() -> None:
            for _ in range(requests_of_each):
                await ask()

        started = perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(ask_on)
        per_second = at_once * requests_of_each / (perf_counter() - started)
    return {"call_ms": 1e3 * statistics.median(taken[20:]), "calls": per_second}


async def _echo(_: Caller, request: bytes) -> bytes:
    return request
