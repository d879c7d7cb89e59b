"""A server on 127.0.0.1 that plays providers, byte by byte: what it answers is a script, faults included."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
import msgspec

Step = bytes | Literal["wait"]
"""Bytes to send, or a wait for the client to hang up. After the last step the connection is closed."""


class Asked(msgspec.Struct, frozen=True):
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


def reply(
    body: bytes | object, status: int = 200, *, content_type: str = "application/json", **headers: str
) -> list[Step]:
    """A whole reply."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-type: {content_type}", f"content-length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ["\r\n".join([*lines, "connection: close", "", ""]).encode() + content]


def stream(*pieces: Step, ended: bool = True) -> list[Step]:
    """A chunked reply; `ended=False` leaves out what ends it, as a killed server does."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    framed: list[Step] = [
        b"%x\r\n%s\r\n" % (len(piece), piece) if isinstance(piece, bytes) else piece for piece in pieces
    ]
    return [head, *framed, *([b"0\r\n\r\n"] if ended else [])]


def spoken(*texts: str) -> bytes:
    """Events of a plain answer in OpenAI's form."""
    events = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


END = (
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
)


class ProviderServer:
    """Plays one script for each request, in order; the last repeats."""

    def __init__(self, scripts: Sequence[Sequence[Step]]) -> None:
        self._scripts = list(scripts)
        self.asked: list[Asked] = []
        self.came = anyio.Event()
        """Set when there was a request."""
        self.hung_up = anyio.Event()
        """Set when a client went away while the script waited."""
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append(await _read(reader))
            self.came.set()
            for step in self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]:
                if step == "wait":
                    await reader.read()
                    self.hung_up.set()
                else:
                    writer.write(step)  # pyright: ignore[reportArgumentType]  # the literal is out
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            writer.close()


@asynccontextmanager
async def provider_server(*scripts: Sequence[Step]) -> AsyncGenerator[ProviderServer]:
    """A server that plays `scripts`."""
    played = ProviderServer(scripts)
    server = await asyncio.start_server(played.answer, "127.0.0.1", 0)
    played.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield played
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, json.loads(content) if content else None)
