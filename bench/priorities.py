"""What a small request takes beside a stream, for `network.py`: two nodes, each as it is but without handlers of its own, on loopback in
one event loop. Beside a stream of ordinary priority, which goes as fast as it can, and beside one in bulk, which a window holds back."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial
from time import perf_counter

import anyio
import msgspec

from crofter.core import NodeId
from crofter.network import BULK, BindOptions, Caller, IrohTransport, Kind, PeerAddress, Peers, Rules, StreamKind

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


class _Book:
    """Where the other one is."""

    def __init__(self, *known: PeerAddress) -> None:
        self._known = {peer.node_id: peer for peer in known}

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        return self._known.get(node_id)


async def priority_figures(requests: int) -> dict[str, float]:
    """Milliseconds of small requests alone, beside either stream, and megabytes a second of that stream."""
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(_node(2))
        one = await stack.enter_async_context(
            _node(1, PeerAddress(node_id=other.node_id, addresses=other.addresses()))
        )  # fmt: skip
        figures: dict[str, float] = {}
        for name, kind in (("alone", None), ("flood", _FLOOD), ("bulk", _BULK)):
            figures |= await _beside(one, other.node_id, name, kind, requests)
    return figures


@asynccontextmanager
async def _node(number: int, *known: PeerAddress) -> AsyncGenerator[Peers]:
    peers = Peers(Rules(mode="private", standing=lambda _: "trusted"), [_Book(*known)], (_SMALL, _FLOOD, _BULK))
    peers.serve(_SMALL, _answer)
    peers.serve(_FLOOD, _pour)
    peers.serve(_BULK, _pour)
    async with anyio.create_task_group() as tasks:
        ready = anyio.Event()
        seed = bytes([number]) * 32
        tasks.start_soon(partial(peers.run, IrohTransport(), seed, BindOptions(), ready=ready.set))
        await ready.wait()
        yield peers
        tasks.cancel_scope.cancel()


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
