"""A real node of its own for a benchmark, and the thinnest client that can time its streams."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

_START_SECONDS = 60.0
_ANSWER_SECONDS = 600.0


class Answer(NamedTuple):
    """One streamed completion as a client saw it. Times are seconds since the request was sent."""

    started: float
    """time.monotonic() when it was sent."""
    arrivals: list[float]
    """When each piece of text came."""
    total_seconds: float
    prompt_tokens: int
    answer_tokens: int
    cached_tokens: int
    timings: dict[str, float]
    """The engine's own."""

    @property
    def first_token_seconds(self) -> float:
        return self.arrivals[0]

    @property
    def decode_rate(self) -> float:
        """Tokens a second after the first."""
        return (self.answer_tokens - 1) / (self.arrivals[-1] - self.arrivals[0])

    @property
    def prefill_rate(self) -> float:
        """Prompt tokens a second, by the engine's clock."""
        return 1000 * self.prompt_tokens / self.timings["prefill_ms"]


class BenchNode:
    """A running node. Administrative calls block; only `complete` is timed."""

    def __init__(self, url: str, administrator_token: str, process_id: int) -> None:
        self.process_id = process_id
        self.url = url
        self._token = administrator_token
        address = urlsplit(url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80

    def steps(self, path: str, body: object) -> list[dict[str, Any]]:
        """An administrative call that reports progress: all its lines. Raises RuntimeError if it failed."""
        reply = self._send("POST", path, json.dumps(body).encode())
        lines = [cast(dict[str, Any], json.loads(line)) for line in reply.splitlines() if line]
        if lines and "error" in lines[-1]:
            raise RuntimeError(f"{path}: {lines[-1]['error']}")
        return lines

    def unload(self, name: str) -> None:
        """End a model's worker."""
        self._send("POST", "/crofter/v1/unload", json.dumps({"name": name}).encode())

    def loaded(self) -> dict[str, Any]:
        """The one loaded model, as `crofter ps` shows it."""
        return cast(list[dict[str, Any]], json.loads(self._send("GET", "/crofter/v1/ps")))[0]

    def model_details(self, name: str) -> dict[str, Any]:
        """What `crofter show` shows."""
        return cast(dict[str, Any], json.loads(self._send("GET", f"/crofter/v1/models/{name}")))

    def setting(self, key: str) -> int:
        """A number among the settings."""
        settings = cast(list[dict[str, Any]], json.loads(self._send("GET", "/crofter/v1/settings")))
        return next(item["value"] for item in settings if item["key"] == key)

    def _send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=body,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=_ANSWER_SECONDS
        ) as response:
            return cast(bytes, response.read())

    def complete(self, model: str, prompt: str, tokens: int) -> Answer:
        """Stream one completion over a fresh connection. Raises RuntimeError if the node refuses or breaks off."""
        body = json.dumps(
            {
                "model": model,
                "prompt": prompt,
                "max_tokens": tokens,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        ).encode()
        head = (
            f"POST /v1/completions HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        # While the clock runs, bytes are received and nothing else: on two cores the client's work slows the node down.
        received: list[tuple[float, bytes]] = []
        started = time.monotonic()
        with socket.create_connection((self._host, self._port), timeout=_ANSWER_SECONDS) as connection:
            connection.sendall(head.encode() + body)
            while piece := connection.recv(1 << 16):
                received.append((time.monotonic() - started, piece))
        return _answer(started, time.monotonic() - started, received)

    def complete_all(self, model: str, prompts: list[str], tokens: int) -> list[Answer]:
        """One completion for each prompt, all at once."""
        with ThreadPoolExecutor(len(prompts)) as threads:
            running = [threads.submit(self.complete, model, prompt, tokens) for prompt in prompts]
            return [answer.result() for answer in running]


def _answer(started: float, total_seconds: float, received: list[tuple[float, bytes]]) -> Answer:
    arrivals: list[float] = []
    events: list[bytes] = []
    rest = b""
    for at, piece in received:
        # Lines that are no event are headers and the lengths of HTTP's chunks.
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                arrivals.append(at)
                events.append(line)
            elif line.startswith(b'{"error"'):
                raise RuntimeError(line.decode())
    if not events or events[-1].strip() != b"data: [DONE]":
        head = received[0][1][:200] if received else b"nothing"
        raise RuntimeError(f"the node refused or broke off: {head!r} {events[-1:]}")
    last = json.loads(events[-2].removeprefix(b"data: "))
    usage = last["usage"]
    return Answer(
        started=started,
        # The last two events are the usage and the end mark.
        arrivals=arrivals[:-2],
        total_seconds=total_seconds,
        prompt_tokens=usage["prompt_tokens"],
        answer_tokens=usage["completion_tokens"],
        cached_tokens=usage["prompt_tokens_details"]["cached_tokens"],
        timings=last["crofter"]["timings"],
    )


@contextmanager
def running_node(**settings: str) -> Generator[BenchNode]:
    """A node with an empty home and default settings but these (`engine_workload="reading"`) on a free port, while the block runs.

    Raises RuntimeError if it does not start.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CROFTER_")}
    environment |= {f"CROFTER_{name.upper()}": value for name, value in settings.items()}
    with tempfile.TemporaryDirectory() as home:
        environment["CROFTER_HOME"] = home
        with Path(home, "bench.out").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "crofter", "up", "--port", "0"], env=environment, stdout=output, stderr=output
            )
        try:
            facts = _wait_until_ready(Path(home, "run", "node.json"), process)
            yield BenchNode(facts["url"], facts["administrator_token"], process.pid)
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(running_file: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if running_file.exists():
            facts = json.loads(running_file.read_text())
            try:
                urllib.request.urlopen(f"{facts['url']}/health", timeout=5).close()
            except urllib.error.URLError:
                pass
            else:
                return facts
        time.sleep(0.1)
    output = running_file.parent.parent / "bench.out"
    raise RuntimeError(f"the node did not start:\n{output.read_text(errors='replace')[-2000:]}")
