"""Requests that are not what they should be: each is refused with a clear error, no reply is for anybody else, and the node goes on."""

import json
import re
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.commands import Commands
from tests.e2e.idle import idles, node_bytes
from tests.e2e.raw import EMBEDDINGS, MCP_CALL, MCP_HEADERS, STREAMS, Connection, status_of

ROUTES = [*STREAMS, *EMBEDDINGS, "/mcp"]
HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\n"
SMUGGLED = "0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n"
HOSTILE = {
    "both lengths": HEAD + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED,
    "both lengths, the other way": HEAD + "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n" + SMUGGLED,
    "two lengths": HEAD + "Content-Length: 6\r\nContent-Length: 5\r\n\r\n" + SMUGGLED,
    "a list of lengths": HEAD + "Content-Length: 5, 6\r\n\r\n" + SMUGGLED,
    "a negative length": HEAD + "Content-Length: -1\r\n\r\n",
    "a length with a sign": HEAD + "Content-Length: +5\r\n\r\n" + SMUGGLED,
    "an unknown coding": HEAD + "Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED,
    "chunked and not last": HEAD + "Transfer-Encoding: chunked, identity\r\n\r\n" + SMUGGLED,
    "a chunk size that is no number": HEAD + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n{{}}\r\n",
    "a chunk size beyond 64 bits": HEAD + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{{}}\r\n",
    "a chunk longer than it says": HEAD + "Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}GET / HTTP/1.1\r\n\r\n",
    "a folded header": HEAD + "X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": HEAD + "Content-Length : 0\r\n\r\n",
    "a NUL in a header": HEAD + "X-A: b\0c\r\nContent-Length: 0\r\n\r\n",
    "a bare line end in a header": HEAD + "X-A: b\rX-B: c\r\nContent-Length: 0\r\n\r\n",
    "no host": "GET /health HTTP/1.1\r\n\r\n",
    "two hosts": "GET /health HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n",
    "another host": "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a whole address of another host": "GET http://evil.example/v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "no HTTP": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "the next HTTP": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a huge header": HEAD + "X-A: " + "a" * 1_000_000 + "\r\n\r\n",
    "a huge address": "GET /" + "a" * 1_000_000 + " HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "many headers": HEAD + "X-A: b\r\n" * 10_000 + "\r\n",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_request_that_is_no_http_is_refused_once(crofter: Commands, what: str) -> None:
    with Connection(crofter) as connection:
        connection.send(HOSTILE[what].format(host=connection.host).encode("latin-1"))
        reply = connection.read_all_or_one()
    assert 400 <= status_of(reply) < 500, reply[:200]
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", reply)) == 1
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b"application/json" in head
    assert json.loads(body)["error"]["message"]
    assert idles(crofter)


def bodies() -> dict[str, bytes]:
    deep = b"[" * 200_000 + b"]" * 200_000
    return {
        "nothing": b"",
        "no JSON": b"<xml/>",
        "deep": b'{"model":' + deep + b"}",
        "deep where anything may stand": b'{"metadata":{"a":' + deep + b'},"messages":[{"role":"user","content":"x"}]}',
        "invalid UTF-8": b'{"model":"\xff\xfe\xed\xa0\x80"}',
        "half a character": b'{"model":"\\ud800","messages":[{"role":"user","content":"\\udfff"}],"input":"\\ud800"}',
        "a number beyond all": b'{"max_tokens":1e999,"messages":[{"role":"user","content":"x"}]}',
    }


@pytest.mark.parametrize("what", bodies())
def test_a_body_that_is_not_right_is_refused_at_every_address(crofter: Commands, what: str) -> None:
    for path in ROUTES:
        with Connection(crofter) as connection:
            connection.post(path, bodies()[what], *MCP_HEADERS, "Connection: close")
            reply = connection.read_all()
        assert status_of(reply) in {400, 404}, (path, reply[:300])
        assert "error" in json.loads(reply.partition(b"\r\n\r\n")[2]), path
    assert idles(crofter)


@pytest.mark.parametrize("announced", [True, False])
def test_32_megabytes_are_refused_while_they_are_still_being_sent(crofter: Commands, announced: bool) -> None:
    with Connection(crofter) as connection:  # What it takes to load MCP's SDK does not count.
        connection.post("/mcp", {}, *MCP_HEADERS)
        connection.read_until(b"\r\n\r\n")
    before = node_bytes(crofter)
    piece = b"[" + b"1," * 524_287 + b"1"
    for path in ROUTES:
        with Connection(crofter) as connection:
            length = f"Content-Length: {32 * len(piece)}" if announced else "Transfer-Encoding: chunked"
            connection.send(connection.head("POST", path, length, *MCP_HEADERS))
            for _ in range(32):
                connection.send(piece if announced else b"%x\r\n%s\r\n" % (len(piece), piece))
            if not announced:
                connection.send(b"0\r\n\r\n")
            reply = connection.read_until(b"\r\n\r\n")
        assert status_of(reply) == 413, (path, reply[:300])
    assert node_bytes(crofter) - before < 50_000_000
    assert idles(crofter)


def test_pipelined_requests_are_answered_in_order(crofter: Commands) -> None:
    paths = ["/health", "/v1/models", "/nothing", "/api/version"] * 25
    with Connection(crofter) as connection:
        requests = b"".join(connection.head("GET", path, f"X-Request-Id: n{i}") for i, path in enumerate(paths))
        connection.send(requests + connection.head("GET", "/health", "X-Request-Id: last", "Connection: close"))
        reply = connection.read_all()
    ids = [line.split()[1].decode() for line in reply.split(b"\r\n") if line.startswith(b"x-request-id: ")]
    assert ids == [*(f"n{i}" for i in range(len(paths))), "last"]


@pytest.fixture
def impatient(tmp_path: Path) -> Generator[Commands]:
    commands = Commands(tmp_path / "home")
    commands.environment["CROFTER_API_BODY_TIMEOUT_SECONDS"] = "0.2"
    commands.run("up", "-d")
    yield commands
    commands.clean_up()


def test_who_never_finishes_a_request_is_let_go(impatient: Commands) -> None:
    call = json.dumps(MCP_CALL).encode()
    slow = {
        "nothing": (b"", 408),
        "half a head": (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n", 408),
        "only line ends": (b"\r\n\r\n", 408),
        "half a body": (HEAD.encode() + b"Content-Length: 50\r\n\r\n{{", 408),
        "half a body for Anthropic": (
            b"POST /v1/messages HTTP/1.1\r\nHost: {host}\r\nContent-Length: 50\r\n\r\n{{",
            408,
        ),
        "half a body for MCP": (
            b"POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            b"Accept: application/json, text/event-stream\r\nContent-Length: 5000\r\n\r\n" + call.replace(b"{", b"{{").replace(b"}", b"}}"),
            408,
        ),
    }  # fmt: skip
    with ExitStack() as open_until_the_end:
        connections = {what: open_until_the_end.enter_context(Connection(impatient)) for what in slow}
        for what, (data, _) in slow.items():
            connections[what].send(data.decode().format(host=connections[what].host).encode())
        replies = {what: connection.read_all() for what, connection in connections.items()}
    assert {what: status_of(reply) for what, reply in replies.items()} == {
        what: code for what, (_, code) in slow.items()
    }
    assert all(len(re.findall(rb"HTTP/1\.1 \d{3} ", reply)) == 1 for reply in replies.values())
    told = {what: json.loads(reply.partition(b"\r\n\r\n")[2]) for what, reply in replies.items()}
    assert {what: error.get("type") for what, error in told.items() if "type" in error} == {
        "half a body for Anthropic": "error"
    }
