"""What a relay costs, for `network.py`. Nodes on one machine leave their relay for the direct way at once, so only connecting is
measured with them; echo and bulk are those of bare clients, which share the process and its event loop with the relay."""

import statistics
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter

import anyio
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from crofter.core import NodeId
from crofter.network import BindOptions, IrohTransport, PeerAddress, RelayRules, RelayServer

_SEEDS = bytes([1]) * 32, bytes([2]) * 32
_IDS = tuple(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() for seed in _SEEDS)
_ECHO_BYTES = 16 * 1024
_FRAME_BYTES = 60_000
_WINDOW = 8
"""Frames under way: a relay drops what does not fit into its buffers."""
_CONTEXT = "iroh-relay handshake v1 challenge signature"


async def relay_figures(requests: int, mebibytes: int, connects: int) -> dict[str, float]:
    """Milliseconds to connect two nodes that know only the relay; of bare clients, milliseconds of an echo and megabytes a second."""
    async with _relay() as address:
        connecting = [await _connect_ms(f"http://{address}") for _ in range(connects)]
        async with AsyncExitStack() as stack:
            one, other = [await stack.enter_async_context(_client(address, seed)) for seed in _SEEDS]
            echo = await _echo_ms(one, other, requests)
            bulk = await _bulk_mb(one, other, mebibytes)
    return {"relay_connect_ms": statistics.median(connecting), "relay_echo_ms": echo, "relay_mb": bulk}


@asynccontextmanager
async def _relay() -> AsyncGenerator[str]:
    rules = RelayRules(standing=lambda _: "trusted", bytes_per_second=1 << 40)
    server = RelayServer(NodeId(bytes(32)), ("127.0.0.1:0",), rules, bytes)
    async with anyio.create_task_group() as tasks:
        ready = anyio.Event()

        async def run() -> None:
            await server.run(ready=ready.set)

        tasks.start_soon(run)
        await ready.wait()
        yield server.addresses[0]
        tasks.cancel_scope.cancel()


async def _connect_ms(url: str) -> float:
    options = BindOptions(relay_urls=(url,))
    async with IrohTransport().bind(_SEEDS[0], options) as one, IrohTransport().bind(_SEEDS[1], options) as other:
        for endpoint in (one, other):
            while await endpoint.relay() is None:
                pass
        started = perf_counter()
        await one.dial(PeerAddress(node_id=other.node_id, relay_url=url), 10.0)
        return 1e3 * (perf_counter() - started)


@asynccontextmanager
async def _client(address: str, seed: bytes) -> AsyncGenerator[ClientConnection]:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    versions = [Subprotocol("iroh-relay-v2")]
    async with connect(f"ws://{address}/relay", subprotocols=versions, compression=None) as socket:
        challenge = await _received(socket)
        signature = key.sign(blake3(challenge[1:], derive_key_context=_CONTEXT).digest())
        await socket.send(b"\x01" + key.public_key().public_bytes_raw() + b"\x40" + signature)
        assert await _received(socket) == b"\x02"
        yield socket


async def _received(socket: ClientConnection) -> bytes:
    frame = await socket.recv()
    assert isinstance(frame, bytes)
    return frame


async def _echo_ms(one: ClientConnection, other: ClientConnection, requests: int) -> float:
    there, back = (b"\x04" + node_id + b"\x00" + bytes(_ECHO_BYTES) for node_id in reversed(_IDS))
    taken: list[float] = []
    for _ in range(requests):
        started = perf_counter()
        await one.send(there)
        await other.recv()
        await other.send(back)
        await one.recv()
        taken.append(perf_counter() - started)
    return 1e3 * statistics.median(taken)


async def _bulk_mb(one: ClientConnection, other: ClientConnection, mebibytes: int) -> float:
    frame = b"\x04" + _IDS[1] + b"\x00" + bytes(_FRAME_BYTES)
    frames = mebibytes * 1024 * 1024 // _FRAME_BYTES
    started = perf_counter()
    for sent in range(frames + _WINDOW):
        if sent < frames:
            await one.send(frame)
        if sent >= _WINDOW:
            await other.recv()
    return frames * _FRAME_BYTES / 1e6 / (perf_counter() - started)
