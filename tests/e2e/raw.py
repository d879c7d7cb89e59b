"""Bytes as a client may send them, also those that no client library would."""

import json
import socket
from typing import Any, Self
from urllib.parse import urlsplit

from tests.e2e.commands import Commands

REPLY_SECONDS = 30.0
CHAT: dict[str, Any] = {"model": "seedling", "messages": [{"role": "user", "content": "Tell me a story."}]}
STREAMS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {**CHAT, "stream": True},
    "/v1/completions": {"model": "seedling", "prompt": "Once", "stream": True},
    "/v1/responses": {"model": "seedling", "input": "Tell me a story.", "stream": True},
    "/v1/messages": {**CHAT, "max_tokens": 1500, "stream": True},
    "/api/chat": CHAT,
    "/api/generate": {"model": "seedling", "prompt": "Once", "raw": True},
}
"""A stream of each dialect, by its address."""
EMBEDDINGS = {
    "/v1/embeddings": {"model": "seedling", "input": "text"},
    "/api/embed": {"model": "seedling", "input": "text"},
}
_MCP_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
}
MCP_CALL: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "chat", "arguments": {"prompt": "Hello", "max_tokens": 7000}, "_meta": _MCP_META},
}
MCP_HEADERS = (
    "Accept: application/json, text/event-stream",
    "MCP-Protocol-Version: 2026-07-28",
    "Mcp-Method: tools/call",
    "Mcp-Name: chat",
)


class Connection:
    """One TCP connection to the node."""

    def __init__(self, crofter: Commands, *, receive_buffer_bytes: int = 0) -> None:
        address = urlsplit(crofter.running()["url"])
        self.host = address.netloc
        self._socket = socket.socket()
        if receive_buffer_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self._socket.settimeout(REPLY_SECONDS)
        self._socket.connect((address.hostname or "", address.port or 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Raises OSError if the node has closed the connection."""
        self._socket.sendall(data)

    def post(self, path: str, body: object, *headers: str) -> None:
        """A whole request."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send(self.head("POST", path, f"Content-Length: {len(content)}", *headers) + content)

    def head(self, method: str, path: str, *headers: str) -> bytes:
        """The head of a request."""
        lines = (f"{method} {path} HTTP/1.1", f"Host: {self.host}", "Content-Type: application/json", *headers)
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def read(self, size: int = 65_536) -> bytes:
        """What is there, waiting for the first byte; empty at the end or when the connection was cut."""
        try:
            return self._socket.recv(size)
        except ConnectionError:
            return b""

    def read_until(self, mark: bytes) -> bytes:
        """Everything up to the mark, or to the end."""
        data = b""
        while mark not in data and (more := self.read()):
            data += more
        return data

    def read_all_or_one(self) -> bytes:
        """Everything until the node closes, or has been silent for a moment after a whole reply."""
        data = self.read()
        self._socket.settimeout(0.3)
        try:
            while more := self.read():
                data += more
        except TimeoutError:
            pass
        return data

    def read_all(self) -> bytes:
        """Everything until the node closes."""
        return self.read_until(b"\x00no such bytes")


def status_of(reply: bytes) -> int:
    """The status of the first reply; 0 if there is none."""
    return int(reply.split(b" ", 2)[1]) if reply.startswith(b"HTTP/1.1 ") else 0
