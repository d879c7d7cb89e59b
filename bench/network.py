"""What the network between nodes costs, beside plain asyncio TCP in the same process and the same minute, on loopback.

    python bench/network.py [--quick] [--json]

Both ends run in one event loop, as the node's does with uvloop. TCP is not encrypted and proves nobody's identity: it is the floor, not
a rival. Frames are the node's own on both, so that only the transport differs.
"""

import argparse
import asyncio
import json
import os
import statistics
import struct
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import anyio
from anyio.abc import TaskGroup
from asking import asking_figures
from priorities import priority_figures
from relaying import relay_figures
from report import Row, machine, table

from crofter.core import CrofterError
from crofter.network import (
    BindOptions,
    Connection,
    FrameReader,
    IrohTransport,
    PeerAddress,
    Stream,
    copying_state,
    framed,
    owned,
    send_frame,
)

REQUEST_BYTES = 16 * 1024
CONCURRENT = 200
CHUNK_BYTES = 1024 * 1024
READ_BYTES = 256 * 1024
MESSAGE_BYTES = 64
MESSAGES_PER_SECOND = 200
_POUR = b"pour"
_LENGTH = struct.Struct("!I")
_TIME = struct.Struct("!d")


class Sizes(NamedTuple):
    """How much of each is measured."""

    requests: int
    bulk_mebibytes: int
    requests_of_each: int
    messages: int
    starts: int


FULL, QUICK = Sizes(2000, 256, 50, 1000, 9), Sizes(300, 64, 8, 200, 3)


class Line(NamedTuple):
    """One way of talking, however it is carried."""

    send: Callable[[bytes], Awaitable[None]]
    receive: Callable[[], Awaitable[bytes]]


class Carrier(NamedTuple):
    """Opens lines to an echo, a sink that answers when it has everything, and asks single questions."""

    echo: Callable[[], Awaitable[Line]]
    ask: Callable[[bytes], Awaitable[bytes]]
    pour: Callable[[int], Awaitable[None]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the network between nodes costs.")
    parser.add_argument("--quick", action="store_true", help="a rough figure in a few seconds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    load_before = os.getloadavg()[0]
    figures = anyio.run(_measure, sizes, backend_options={"use_uvloop": sys.platform != "win32"})
    with TemporaryDirectory() as bytecode:
        _start_ms(bytecode)  # writes it, as installing or the first start of a node does
        figures["start_ms"] = statistics.median(_start_ms(bytecode) for _ in range(sizes.starts))
    copying = copying_state()
    conditions = machine() | {
        "network": f"iroh {version('iroh')}, payload copies {copying.state}, awaits {copying.awaits}"
        if copying
        else "none",
        "sizes": ", ".join(f"{name.replace('_', ' ')} {size}" for name, size in sizes._asdict().items()),
        "load average before and after": f"{load_before:.2f}, {os.getloadavg()[0]:.2f}",
    }
    if options.json:
        print(json.dumps({"figures": figures, "conditions": conditions}, indent=1))
        return
    print(table("The network between nodes, beside asyncio TCP", _rows(figures)))
    for key, value in conditions.items():
        print(f"{key}: {value}")


def _rows(f: dict[str, float]) -> list[Row]:
    asked, bulk, many = (f[f"{name}_node"] / f[f"{name}_tcp"] for name in ("request_ms", "bulk_mb", "concurrent"))
    added = f["message_ms_node"] - f["message_ms_tcp"]
    return [
        Row("16 KiB request and reply, p50 ms", f"{f['request_ms_node']:.3f}", f"{f['request_ms_tcp']:.3f} TCP",
            asked, "<= 6 times", asked <= 6),
        Row("the same, a stream for each, p50 ms", f"{f['stream_ms_node']:.3f}", f"{f['request_ms_tcp']:.3f} TCP",
            f["stream_ms_node"] / f["request_ms_tcp"], "", True),
        Row("the same, asked by a node, p50 ms", f"{f['call_ms']:.3f}", f"{f['request_ms_tcp']:.3f} TCP",
            f["call_ms"] / f["request_ms_tcp"], "", True),
        Row("bulk, MB/s", f"{f['bulk_mb_node']:.0f}", f"{f['bulk_mb_tcp']:.0f} TCP",
            bulk, ">= 150 or 0.15 of TCP", bulk >= 0.15 or f["bulk_mb_node"] >= 150),
        Row(f"{CONCURRENT} at once, requests/s", f"{f['concurrent_node']:.0f}", f"{f['concurrent_tcp']:.0f} TCP",
            many, ">= 1500 or 0.15 of TCP", many >= 0.15 or f["concurrent_node"] >= 1500),
        Row(f"{CONCURRENT} at once, asked by a node, requests/s", f"{f['calls']:.0f}", f"{f['concurrent_tcp']:.0f} TCP",
            f["calls"] / f["concurrent_tcp"], "", True),
        Row("a small streamed message, p50 ms", f"{f['message_ms_node']:.3f}", f"{f['message_ms_tcp']:.3f} TCP",
            added, "<= 0.5 ms added", added <= 0.5),
        *_priority_rows(f),
        Row("to a node through a relay, ms", f"{f['relay_connect_ms']:.1f}", "", f["relay_connect_ms"] / 100, "", True),
        Row("a relay, 16 KiB there and back, p50 ms", f"{f['relay_echo_ms']:.3f}", f"{f['request_ms_tcp']:.3f} TCP",
            f["relay_echo_ms"] / f["request_ms_tcp"], "", True),
        Row("a relay passes on, MB/s", f"{f['relay_mb']:.0f}", f"{f['bulk_mb_tcp']:.0f} TCP",
            f["relay_mb"] / f["bulk_mb_tcp"], "", True),
        Row("from nothing to ready for peers, ms", f"{f['start_ms']:.0f}", "", f["start_ms"] / 300, "<= 300 ms",
            f["start_ms"] <= 300),
    ]  # fmt: skip


def _priority_rows(f: dict[str, float]) -> list[Row]:
    rows: list[Row] = []
    for name, key in (("a small request", "_ms"), ("the same, p99", "_p99_ms")):
        alone, flood, bulk = (f[f"small_{what}{key}"] for what in ("alone", "flood", "bulk"))
        rows.append(Row(f"{name} beside bulk, ms", f"{bulk:.2f}", f"{alone:.2f} alone, {flood:.2f} beside a stream of its own priority",
                        bulk / alone, "", True))  # fmt: skip
    rows.append(Row("that bulk, MB/s", f"{f['bulk_mb']:.0f}", f"{f['flood_mb']:.0f} the other stream", f["bulk_mb"] / f["flood_mb"],
                    "", True))  # fmt: skip
    return rows


async def _measure(sizes: Sizes) -> dict[str, float]:
    figures: dict[str, float] = {}
    async with anyio.create_task_group() as tasks:
        async with _tcp() as tcp, _node(tasks) as node:
            for name, carrier in (("tcp", tcp), ("node", node)):
                print(f"{name} …", file=sys.stderr)
                figures[f"request_ms_{name}"] = await _request_ms(carrier, sizes.requests)
                figures[f"bulk_mb_{name}"] = await _bulk_mb(carrier, sizes.bulk_mebibytes)
                figures[f"concurrent_{name}"] = await _concurrent(carrier, sizes.requests_of_each)
                figures[f"message_ms_{name}"] = await _message_ms(carrier, sizes.messages)
            figures["stream_ms_node"] = await _median_ms(partial(node.ask, bytes(REQUEST_BYTES)), sizes.requests)
        tasks.cancel_scope.cancel()
    figures |= await priority_figures(sizes.requests)
    figures |= await asking_figures(REQUEST_BYTES, sizes.requests, CONCURRENT, sizes.requests_of_each)
    return figures | await relay_figures(sizes.requests, sizes.bulk_mebibytes, sizes.starts)


async def _request_ms(carrier: Carrier, requests: int) -> float:
    line, data = await carrier.echo(), bytes(REQUEST_BYTES)

    async def ask() -> None:
        await line.send(data)
        await line.receive()

    return await _median_ms(ask, requests)


async def _median_ms(ask: Callable[[], Awaitable[object]], times: int) -> float:
    taken: list[float] = []
    for _ in range(times + 20):
        started = perf_counter()
        await ask()
        taken.append(perf_counter() - started)
    return 1e3 * statistics.median(taken[20:])


async def _bulk_mb(carrier: Carrier, mebibytes: int) -> float:
    await carrier.pour(4)
    started = perf_counter()
    await carrier.pour(mebibytes)
    return mebibytes * CHUNK_BYTES / 1e6 / (perf_counter() - started)


async def _concurrent(carrier: Carrier, requests_of_each: int) -> float:
    data = bytes(REQUEST_BYTES)

    async def ask() -> None:
        for _ in range(requests_of_each):
            await carrier.ask(data)

    started = perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(CONCURRENT):
            tasks.start_soon(ask)
    return CONCURRENT * requests_of_each / (perf_counter() - started)


async def _message_ms(carrier: Carrier, messages: int) -> float:
    """From the call that sends a token to the call that returns it: half of the way there and back, at a steady pace."""
    line, taken = await carrier.echo(), list[float]()

    async def collect() -> None:
        for _ in range(messages):
            (sent,) = _TIME.unpack_from(await line.receive())
            taken.append((perf_counter() - sent) / 2)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(collect)
        for _ in range(messages):
            await line.send(_TIME.pack(perf_counter()) + bytes(MESSAGE_BYTES - _TIME.size))
            await anyio.sleep(1 / MESSAGES_PER_SECOND)
    return 1e3 * statistics.median(taken)


# Plain TCP.


@asynccontextmanager
async def _tcp() -> AsyncGenerator[Carrier]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(framed(await _read_frame(reader)))
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(READ_BYTES):
            pass
        writer.write(framed(b"done"))
        writer.close()

    echo_server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sink_server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    idle: list[Line] = []

    async def connect(server: asyncio.Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*server.sockets[0].getsockname())

    async def echo() -> Line:
        reader, writer = await connect(echo_server)

        async def send(data: bytes) -> None:
            writer.write(framed(data))
            await writer.drain()

        return Line(send, lambda: _read_frame(reader))

    async def ask(data: bytes) -> bytes:
        line = idle.pop() if idle else await echo()
        await line.send(data)
        reply = await line.receive()
        idle.append(line)
        return reply

    async def pour(mebibytes: int) -> None:
        reader, writer = await connect(sink_server)
        data = bytes(CHUNK_BYTES)
        for _ in range(mebibytes):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        await _read_frame(reader)
        writer.close()

    async with echo_server, sink_server:
        yield Carrier(echo, ask, pour)
        echo_server.close()
        sink_server.close()


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(size)


# The node's network.


@asynccontextmanager
async def _node(tasks: TaskGroup) -> AsyncGenerator[Carrier]:
    async with (
        IrohTransport().bind(bytes([1]) * 32, BindOptions()) as one,
        IrohTransport().bind(bytes([2]) * 32, BindOptions()) as other,
    ):
        connection = await one.dial(PeerAddress(node_id=other.node_id, addresses=other.addresses()), 10.0)
        tasks.start_soon(_serve, await other.accept())

        async def echo() -> Line:
            stream = await connection.open_stream()
            return Line(partial(send_frame, stream), partial(_frame_of, FrameReader(stream)))

        async def ask(data: bytes) -> bytes:
            async with owned(await connection.open_stream()) as stream:
                await send_frame(stream, data)
                await stream.finish()
                return await _frame_of(FrameReader(stream))

        async def pour(mebibytes: int) -> None:
            async with owned(await connection.open_stream()) as stream:
                reader, data = FrameReader(stream), bytes(CHUNK_BYTES)
                await send_frame(stream, _POUR)
                await _frame_of(reader)
                for _ in range(mebibytes):
                    await stream.write(data)
                await stream.finish()
                await _frame_of(reader)

        yield Carrier(echo, ask, pour)
        connection.close()


async def _serve(connection: Connection) -> None:
    async with anyio.create_task_group() as tasks:
        try:
            while True:
                tasks.start_soon(_answer, await connection.accept_stream())
        except CrofterError:
            tasks.cancel_scope.cancel()  # the measuring is over


async def _answer(stream: Stream) -> None:
    with suppress(CrofterError):  # the measuring is over
        await _answered(stream)


async def _answered(stream: Stream) -> None:
    async with owned(stream):
        reader = FrameReader(stream)
        while (frame := await reader.receive()) is not None:
            await send_frame(stream, frame)
            if frame == _POUR:
                while await stream.read(READ_BYTES):
                    pass
                await send_frame(stream, frame)
                return


async def _frame_of(reader: FrameReader) -> bytes:
    frame = await reader.receive()
    assert frame is not None
    return frame


_START = """
from time import perf_counter
started = perf_counter()
import anyio
from crofter.network import BindOptions, IrohTransport

async def start():
    async with IrohTransport().bind(bytes(31) + b"x", BindOptions()):
        print(1e3 * (perf_counter() - started))

anyio.run(start)
"""


def _start_ms(bytecode: str) -> float:
    """In a new process: import, load the library, bind. The folder holds the compiled modules."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


if __name__ == "__main__":
    main()
