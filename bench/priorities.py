"""What a small request takes beside a stream, for `network.py`: two nodes, each as it is but without handlers of its own, on loopback in
one event loop. Beside a stream of ordinary priority, which goes as fast as it can, and beside one in bulk, which a window holds back."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter

import anyio
import msgspec
from nodes import two_nodes

from crofter.core import NodeId
from crofter.network import BULK, Caller, Kind, Peers, StreamKind

_ITEM_BYTES = 256 * 1024
_PAUSE_SECONDS = 0.005
_START_SECONDS = 1.0


class _Nothing(msgspec.Struct):
    pass


_SMALL = Kind(name="small", request=_Nothing, reply=_Nothing, who="trusted", most_bytes=100, per_minute=10**6)
_FLOOD = StreamKind(
    name="flood", request=_Nothing, reply=bytes, who="trusted", most_bytes=_ITEM_BYTES, per_minute=600
)  # fmt: skip
_BULK = msgspec.structs.replace(_FLOOD, name="bulk", priority=BULK)


async def priority_figures(requests: int) -> dict[str, float]:
    """Milliseconds of small requests alone, beside either stream, and megabytes a second of that stream."""
    figures: dict[str, float] = {}
    async with two_nodes({_SMALL: _answer, _FLOOD: _pour, _BULK: _pour}) as (one, other_id):
        for name, kind in (("alone", None), ("flood", _FLOOD), ("bulk", _BULK)):
            figures |= await _beside(one, other_id, name, kind, requests)
    return figures


async def _answer(_: Caller, request: _Nothing) -> _Nothing:
    return request


async def _pour(_: Caller, __: _Nothing) -> AsyncGenerator[bytes]:
    item = bytes(_ITEM_BYTES)
    while True:
        yield item


async def _beside(
    peers: Peers, node_id: NodeId, name: str, kind: StreamKind[_Nothing, bytes] | None, requests: int
) -> dict[str, float]:
    came_bytes, taken, figures = 0, list[float](), dict[str, float]()

    async def swallow(kind: StreamKind[_Nothing, bytes]) -> None:
        nonlocal came_bytes
        async with aclosing(peers.stream(node_id, kind, _Nothing(), timeout_seconds=600.0)) as stream:
            async for item in stream:
                came_bytes += len(item)

    async with anyio.create_task_group() as tasks:
        if kind is not None:
            tasks.start_soon(swallow, kind)
        await anyio.sleep(_START_SECONDS)
        began, came_bytes = perf_counter(), 0
        for _ in range(requests):
            started = perf_counter()
            await peers.call(node_id, _SMALL, _Nothing())
            taken.append(1e3 * (perf_counter() - started))
            await anyio.sleep(_PAUSE_SECONDS)
        figures = {f"{name}_mb": came_bytes / 1e6 / (perf_counter() - began)} if kind else {}
        tasks.cancel_scope.cancel()
    taken.sort()
    return {f"small_{name}_ms": taken[requests // 2], f"small_{name}_p99_ms": taken[requests * 99 // 100]} | figures
