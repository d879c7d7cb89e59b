"""What a frame costs from process to process, over a channel between nodes and over plain TCP; and what a hop of a route adds.

    python bench/channels.py [--quick] [--json]

Loopback, one frame at a time, as when a single answer is written. One-way times are read from the machine's one steady clock, which all
its processes share. The stages of the route compute nothing, each in a process of its own, so that what is left is the cost of a hop.
"""

import argparse
import asyncio
import json
import os
import statistics
import struct
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import anyio
import anyio.lowlevel
from report import Row, machine, table

from crofter.cluster import KINDS, Circuits, Hop, Links, Open, Route, StageLimits, Stages
from crofter.core import CrofterError, ModelId, ModelShape, NodeId, Rows, SliceFile
from crofter.network import BindOptions, Caller, Channel, ChannelKind, IrohTransport, PeerAddress, Peers, Rules

WIDTH = 2048
FRAME_BYTES = 4 * WIDTH
CONTEXT = 16
_FRAMES = ChannelKind(name="bench", request=bytes, who="trusted", most_bytes=1 << 20, per_minute=1 << 30)
_TIME = struct.Struct("!d")
_LENGTH = struct.Struct("!I")
_WARM_UP = 50
_UVLOOP = {"use_uvloop": sys.platform != "win32"}


class Figures(NamedTuple):
    """Milliseconds, the medians."""

    round_trip: float
    one_way: float


async def _measured(exchange: Callable[[bytes], Awaitable[bytes]], frames: int) -> Figures:
    """`exchange` gets a frame back from the other process, which writes into it when it came."""
    trips, ways = list[float](), list[float]()
    for _ in range(_WARM_UP + frames):
        began = perf_counter()
        answer = await exchange(bytes(FRAME_BYTES))
        trips.append(perf_counter() - began)
        ways.append(_TIME.unpack_from(answer)[0] - began)
    return Figures(*(1e3 * statistics.median(each[_WARM_UP:]) for each in (trips, ways)))


def _stamped(frame: bytes) -> bytes:
    return _TIME.pack(perf_counter()) + frame[_TIME.size :]


# The nodes, each in a process.


class _Book:
    def __init__(self) -> None:
        self.places: dict[NodeId, PeerAddress] = {}

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        return self.places.get(node_id)


def slice_of(number: int, count: int) -> SliceFile:
    """A stage of a model with one layer for each."""
    return SliceFile(
        model_id=ModelId(f"bench-{number}"), name="bench", path=Path("none"), size_bytes=0, architecture="none",
        layer_count=1, kv_bytes_per_token=0, context_length=CONTEXT, shape=ModelShape(embedding_length=WIDTH),
        source_id=ModelId("bench"), source_layer_count=count, start=number, stop=number + 1,
    )  # fmt: skip


class _Idle:
    """A stage that gives back what it gets."""

    build = "none"

    def __init__(self, count: int) -> None:
        self._slices = {part.model_id: part for part in (slice_of(number, count) for number in range(count))}

    def find(self, slice_id: ModelId) -> SliceFile | None:
        return self._slices.get(slice_id)

    @asynccontextmanager
    async def stage(self, slice_file: SliceFile, opening: Open, opener: NodeId) -> AsyncGenerator["_Idle"]:
        del slice_file, opening, opener
        yield self

    async def compute(self, session: int, rows: Rows) -> bytes:
        """As it came."""
        del session
        return rows.values

    async def forget(self, session: int) -> None:
        """Nothing is held."""
        del session


async def _echo(_: Caller, __: bytes, channel: Channel) -> None:
    while (frame := await channel.receive()) is not None:
        await channel.send(_stamped(frame))


@asynccontextmanager
async def _node(seed: int, count: int) -> AsyncGenerator[tuple[Peers, _Book, Links]]:
    book = _Book()
    peers = Peers(Rules(mode="private", standing=lambda _: "trusted"), [book], (*KINDS, _FRAMES))
    peers.serve_channel(_FRAMES, _echo)
    ready = anyio.Event()

    async def run() -> None:
        await peers.run(IrohTransport(), bytes([seed]) * 32, BindOptions(), ready=ready.set)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await ready.wait()
        links = Links(peers.node_id, peers)
        tasks.start_soon(Stages(_Idle(count), links, StageLimits()).run)
        yield peers, book, links
        tasks.cancel_scope.cancel()


async def _serve(seed: int, count: int) -> None:
    """A node, and an echo on TCP: says where they are, reads where all are, and goes on until its input ends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(_length_first(_stamped(await _read_frame(reader))))
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, _node(seed, count) as (peers, book, _):
        port = server.sockets[0].getsockname()[1]
        print(json.dumps({"id": peers.node_id.hex(), "addresses": peers.addresses(), "port": port}), flush=True)
        for place in json.loads(await anyio.to_thread.run_sync(sys.stdin.readline)):
            node_id = NodeId(bytes.fromhex(place["id"]))
            book.places[node_id] = PeerAddress(node_id=node_id, addresses=tuple(place["addresses"]))
        await anyio.to_thread.run_sync(sys.stdin.readline)


def _length_first(frame: bytes) -> bytes:
    return _LENGTH.pack(len(frame)) + frame


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(size)


# What is measured.


async def _tcp(port: int, frames: int) -> Figures:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def exchange(frame: bytes) -> bytes:
        writer.write(_length_first(frame))
        await writer.drain()
        return await _read_frame(reader)

    figures = await _measured(exchange, frames)
    writer.close()
    return figures


async def _channel(peers: Peers, there: NodeId, frames: int) -> Figures:
    async with peers.channel(there, _FRAMES, b"") as channel:

        async def exchange(frame: bytes) -> bytes:
            await channel.send(frame)
            answer = await channel.receive()
            assert answer is not None
            return answer

        return await _measured(exchange, frames)


class _Results:
    def __init__(self) -> None:
        self.come = anyio.Event()

    def returned(self, session: int, step: int, values: bytes) -> None:
        """A step has come back."""
        del session, step, values
        self.come.set()

    def failed(self, session: int, error: CrofterError) -> None:
        """Ends the measuring."""
        del session
        raise error


async def _step_ms(links: Links, nodes: list[NodeId], frames: int) -> float:
    """One row through these stages, and its result: the median."""
    hops = tuple(
        Hop(node_id=node_id, slice_id=slice_of(number, 3).model_id, start=number, stop=number + 1)
        for number, node_id in enumerate(nodes)
    )
    route = Route(
        hops=hops, width=WIDTH, source_layer_count=3, context_tokens=CONTEXT, build="none", codec="f32", rows_at_once=1
    )
    circuits, results, taken = Circuits(links), _Results(), list[float]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(circuits.run)
        await anyio.lowlevel.checkpoint()
        circuit = circuits.over(route, results)
        row = Rows(position=0, count=1, wanted=1, values=bytes(FRAME_BYTES))
        for step in range(_WARM_UP + frames):
            results.come = anyio.Event()
            began = perf_counter()
            circuit.forward(1, step, row)
            await results.come.wait()
            taken.append(perf_counter() - began)
        circuit.close()
        tasks.cancel_scope.cancel()
    return 1e3 * statistics.median(taken[_WARM_UP:])


async def _measure(children: Sequence[subprocess.Popen[str]], frames: int) -> dict[str, float]:
    async with _node(1, 3) as (peers, book, links):
        places = [json.loads(child.stdout.readline()) for child in children if child.stdout]
        nodes = [NodeId(bytes.fromhex(place["id"])) for place in places]
        everybody = [*places, {"id": peers.node_id.hex(), "addresses": peers.addresses()}]
        for child, node_id, place in zip(children, nodes, places, strict=True):
            book.places[node_id] = PeerAddress(node_id=node_id, addresses=tuple(place["addresses"]))
            assert child.stdin is not None
            child.stdin.write(json.dumps(everybody) + "\n")
            child.stdin.flush()
        tcp = await _tcp(places[0]["port"], frames)
        node = await _channel(peers, nodes[0], frames)
        steps = [await _step_ms(links, nodes[:count], frames) for count in (1, 2, 3)]
    return {
        "round_trip_ms_channel": node.round_trip,
        "round_trip_ms_tcp": tcp.round_trip,
        "one_way_ms_channel": node.one_way,
        "one_way_ms_tcp": tcp.one_way,
        **{f"step_ms_{count}_stages": step for count, step in enumerate(steps, 1)},
        "hop_ms_p50": (steps[2] - steps[0]) / 2,
    }


def _figures(frames: int) -> dict[str, float]:
    """Beside three nodes in processes of their own."""
    command = [sys.executable, __file__, "--serve"]
    children = [
        subprocess.Popen([*command, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for seed in (2, 3, 4)
    ]
    try:
        return anyio.run(_measure, children, frames, backend_options=_UVLOOP)
    finally:
        for child in children:
            child.kill()
            child.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a frame between nodes costs.")
    parser.add_argument("--quick", action="store_true", help="a rough figure in a few seconds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        anyio.run(_serve, options.serve, 3, backend_options=_UVLOOP)
        return
    load_before = os.getloadavg()[0]
    figures = _figures(200 if options.quick else 3000)
    conditions = machine() | {
        "network": f"iroh {version('iroh')}",
        "frame": f"{FRAME_BYTES} bytes, one row of {WIDTH} in f32",
        "load average before and after": f"{load_before:.2f}, {os.getloadavg()[0]:.2f}",
    }
    if options.json:
        print(json.dumps({"figures": figures, "conditions": conditions}, indent=1))
        return
    print(table("A frame of 8 KiB from process to process", _rows(figures)))
    for key, value in conditions.items():
        print(f"{key}: {value}")


def _rows(f: dict[str, float]) -> list[Row]:
    lines = [
        Row(f"{name}, p50 ms", f"{f[f'{key}_channel']:.3f}", f"{f[f'{key}_tcp']:.3f} TCP", f[f"{key}_channel"] / f[f"{key}_tcp"], "", True)
        for name, key in (("there and back", "round_trip_ms"), ("one way", "one_way_ms"))
    ]  # fmt: skip
    lines.extend(
        Row(f"a step over {count} stages, p50 ms", f"{f[f'step_ms_{count}_stages']:.3f}", "", count + 1, "", True)
        for count in (1, 2, 3)
    )
    hop = f["hop_ms_p50"]
    return [*lines, Row("a hop more, p50 ms", f"{hop:.3f}", "", hop / 1.5, "<= 1.5 ms", hop <= 1.5)]


if __name__ == "__main__":
    main()
