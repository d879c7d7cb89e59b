"""What the dialects cost: HTTP in to engine submit, engine chunk to bytes out, and a hundred streams at once.

    python bench/dialects.py [--quick] [--json]

The first two are measured in this process: bytes of a request go into the server's protocol as from a socket, and the clock stops when the
backend is asked, or when the bytes of a chunk reach the transport. Beside each runs a bare Starlette app that sends the same bytes. For the
streams a server process of its own is watched by psutil while this one reads.
"""

import argparse
import asyncio
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple, cast

import anyio
import psutil
import uvicorn
from report import machine
from scripted import Scripted, bare_app, node_app

from crofter.api import ApiSettings
from crofter.api.asgi import App
from crofter.api.protocol import BoundedProtocol
from crofter.api.server import Server

REQUEST_LIMIT_MS, CHUNK_LIMIT_US, STREAMS_LIMIT_CORES = 0.3, 30.0, 0.5
STREAMS, CHUNKS_PER_SECOND = 100, 20
_CHUNKS = 200
_PORT = 7411

_CHAT: dict[str, Any] = {
    "model": "bench",
    "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello " * 50}],
}
_PARAMETERS = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "text": {"type": "string"}},
    "required": ["path"],
}
_TOOLS = [
    {"type": "function", "function": {"name": f"tool_{i}", "description": "Does it.", "parameters": _PARAMETERS}}
    for i in range(8)
]
_ANTHROPIC_TOOLS = [{"name": f"tool_{i}", "description": "Does it.", "input_schema": _PARAMETERS} for i in range(8)]
_MESSAGES = {
    "model": "bench",
    "max_tokens": 500,
    "system": "Be short.",
    "messages": _CHAT["messages"][1:],
    "stream": True,
}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "OpenAI chat": ("/v1/chat/completions", {**_CHAT, "stream": True}),
    "OpenAI chat, 8 tools": ("/v1/chat/completions", {**_CHAT, "stream": True, "tools": _TOOLS}),
    "completions": ("/v1/completions", {"model": "bench", "prompt": "Hello " * 50, "stream": True}),
    "Responses": ("/v1/responses", {"model": "bench", "input": "Hello " * 50, "stream": True, "store": False}),
    "Anthropic": ("/v1/messages", _MESSAGES),
    "Anthropic, 8 tools": ("/v1/messages", {**_MESSAGES, "tools": _ANTHROPIC_TOOLS}),
    "Ollama chat": ("/api/chat", _CHAT),
    "Ollama generate": ("/api/generate", {"model": "bench", "prompt": "Hello " * 50}),
}


class Cost(NamedTuple):
    """Medians."""

    request_ms: float
    chunk_us: float


class _Transport:
    """Where a socket would be: takes the time of each write."""

    def __init__(self) -> None:
        self.written_at: list[float] = []
        self.writes: list[bytes] = []
        self.ended = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written_at.append(perf_counter())
        self.writes.append(data)
        if data.endswith(b"0\r\n\r\n"):
            self.ended.set()

    def get_extra_info(self, name: str) -> object:
        return {"sockname": ("127.0.0.1", _PORT), "peername": ("127.0.0.1", 5)}.get(name)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


def main() -> None:
    """Measure and print."""
    options = _options()
    if options.serve:
        anyio.run(_serve, options.serve, backend_options={"use_uvloop": sys.platform != "win32"})
        return
    rounds, seconds = (60, 4.0) if options.quick else (400, 15.0)
    load_before = os.getloadavg()[0]
    costs: dict[str, tuple[Cost, Cost]] = {}
    for name, (path, body) in REQUESTS.items():
        print(f"{name} …", file=sys.stderr)
        costs[name] = anyio.run(_beside, path, body, rounds, backend_options={"use_uvloop": sys.platform != "win32"})
    print(f"{STREAMS} streams …", file=sys.stderr)
    cores = {what: _cores(what, seconds) for what in ("node", "bare")}
    conditions = machine() | {
        "requests of each": f"{rounds}, each of {_CHUNKS} chunks, the bare app in turns; medians",
        "streams": f"{STREAMS} of OpenAI chat at {CHUNKS_PER_SECOND} chunks a second each, for {seconds:g} s",
        "load average before and after": f"{load_before:.2f}, {os.getloadavg()[0]:.2f}",
    }
    if options.json:
        figures = {name: {"node": node._asdict(), "bare": bare._asdict()} for name, (node, bare) in costs.items()}
        print(json.dumps({"figures": figures, "cores": cores, "conditions": conditions}, indent=1))
        return
    _print(costs, cores, conditions)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the dialects cost.")
    parser.add_argument("--quick", action="store_true", help="a rough figure in half a minute")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--serve", choices=["node", "bare"], help=argparse.SUPPRESS)
    return parser.parse_args()


def _print(costs: dict[str, tuple[Cost, Cost]], cores: dict[str, float], conditions: dict[str, object]) -> None:
    print("| | request, ms | bare | chunk, µs | bare | wanted | |\n|---|---|---|---|---|---|---|")
    for name, (node, bare) in costs.items():
        good = node.request_ms < REQUEST_LIMIT_MS and node.chunk_us < CHUNK_LIMIT_US
        print(
            f"| {name} | {node.request_ms:.3f} | {bare.request_ms:.3f} | {node.chunk_us:.1f} | {bare.chunk_us:.1f} "
            f"| < {REQUEST_LIMIT_MS} ms, < {CHUNK_LIMIT_US:.0f} µs | {'yes' if good else 'NO'} |"
        )
    good = cores["node"] < STREAMS_LIMIT_CORES
    print(f"\n{STREAMS} streams: {cores['node']:.3f} of a core, bare {cores['bare']:.3f}; wanted < {STREAMS_LIMIT_CORES}: "
          f"{'yes' if good else 'NO'}")  # fmt: skip
    for key, value in conditions.items():
        print(f"{key}: {value}")


async def _beside(path: str, body: dict[str, Any], rounds: int) -> tuple[Cost, Cost]:
    """The node's cost and the bare app's, request by request in turns."""
    node_script, bare_script = Scripted(_CHUNKS), Scripted(_CHUNKS)
    node = _Measured(node_app(node_script, ApiSettings()), node_script)
    event = await node.ask(path, body)
    bare = _Measured(bare_app(bare_script, path, event), bare_script)
    for _ in range(20):
        await bare.ask(path, body)
        await node.ask(path, body)
    node.forget()
    bare.forget()
    for _ in range(rounds):
        await bare.ask(path, body)
        await node.ask(path, body)
    return node.cost(), bare.cost()


class _Measured:
    """An app behind the server's own protocol."""

    def __init__(self, app: App, script: Scripted) -> None:
        from uvicorn.server import ServerState

        config = uvicorn.Config(
            cast("Any", app),
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            proxy_headers=False,
            interface="asgi3",
        )
        config.load()
        self._state = ServerState()
        self._make: Callable[[], BoundedProtocol] = lambda: BoundedProtocol(config, self._state, {})
        self._script = script
        self.forget()

    def forget(self) -> None:
        """What was measured so far was for warming up."""
        self._requests: list[float] = []
        self._chunks: list[float] = []

    async def ask(self, path: str, body: dict[str, Any]) -> bytes:
        """One request; the bytes of a chunk in the middle."""
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{_PORT}\r\nContent-Type: application/json\r\nUser-Agent: bench/1\r\n"
        data = (
            f"{head}Accept: */*\r\nAuthorization: Bearer any\r\nContent-Length: {len(content)}\r\n\r\n".encode()
            + content
        )
        transport, protocol = _Transport(), self._make()
        protocol.connection_made(cast("asyncio.Transport", transport))
        self._script.asked_at.clear()
        self._script.handed_at.clear()
        with anyio.fail_after(30):
            started = perf_counter()
            protocol.data_received(data)
            await transport.ended.wait()
            while self._state.tasks:  # noqa: ASYNC110 - what is left to do after the last byte is this request's, not the next one's
                await asyncio.sleep(0)
        protocol.connection_lost(None)
        self._requests.append(self._script.asked_at[0] - started)
        # Each chunk but the first, which brings the headers, ends in the first write after it was handed out.
        writes = iter(transport.written_at)
        written = next(writes)
        for handed in self._script.handed_at:
            while written < handed:
                written = next(writes)
            self._chunks.append(written - handed)
        return _payload(transport.writes[len(transport.writes) // 2])

    def cost(self) -> Cost:
        return Cost(1e3 * statistics.median(self._requests), 1e6 * statistics.median(self._chunks))


def _payload(write: bytes) -> bytes:
    """Without the framing of a chunked reply."""
    return write.partition(b"\r\n")[2].removesuffix(b"\r\n")


async def _serve(what: str) -> None:
    settings = ApiSettings(port=0, request_timeout_seconds=3600)
    script = Scripted(1_000_000, 1 / CHUNKS_PER_SECOND)
    path, body = REQUESTS["OpenAI chat"]
    app = node_app(script, settings)
    if what == "bare":
        few = Scripted(8)
        app = bare_app(script, path, await _Measured(node_app(few, settings), few).ask(path, body))
    server = Server(app, settings)
    print(server.bind().port, flush=True)
    await server.run()


def _cores(what: str, seconds: float) -> float:
    """CPU time of the server process a second, with all streams open."""
    with subprocess.Popen([sys.executable, __file__, "--serve", what], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            return _watched(psutil.Process(process.pid), port, seconds)
        finally:
            process.kill()


def _watched(server: psutil.Process, port: int, seconds: float) -> float:
    path, body = REQUESTS["OpenAI chat"]
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    chooser = selectors.DefaultSelector()
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(STREAMS)]
    for connection in connections:
        connection.sendall(head + content)
        chooser.register(connection, selectors.EVENT_READ)
    _drain(chooser, 2.0)
    before, started = server.cpu_times(), time.monotonic()
    received = _drain(chooser, seconds)
    after, elapsed = server.cpu_times(), time.monotonic() - started
    for connection in connections:
        connection.close()
    expected = 0.8 * STREAMS * CHUNKS_PER_SECOND * elapsed * 100
    if received < expected:
        raise RuntimeError(f"the streams gave {received} bytes, fewer than {expected:.0f}: the server does not keep up")
    return (after.user + after.system - before.user - before.system) / elapsed


def _drain(chooser: selectors.BaseSelector, seconds: float) -> int:
    received = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for key, _ in chooser.select(0.2):
            received += len(cast("socket.socket", key.fileobj).recv(1 << 16))
    return received


if __name__ == "__main__":
    main()
