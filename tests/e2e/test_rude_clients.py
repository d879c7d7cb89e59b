"""Clients that leave in the middle, stop reading or come all at once, in every dialect: the engine is free again, memory stays bounded."""

import json
from collections.abc import Generator
from contextlib import ExitStack

import pytest

from tests.e2e.commands import Commands
from tests.e2e.idle import begins, idles, node_bytes
from tests.e2e.raw import MCP_CALL, MCP_HEADERS, STREAMS, Connection, status_of
from tests.gguf_files import write_tiny_llama

ENDS = {
    "/v1/chat/completions": b"data: [DONE]",
    "/v1/completions": b"data: [DONE]",
    "/v1/responses": b"event: response.",
    "/v1/messages": b"event: message_stop",
    "/api/chat": b'"done":true',
    "/api/generate": b'"done":true',
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Generator[Commands]:
    """Its model never ends by itself: an answer goes on until the context is full, or nobody wants it."""
    folder = tmp_path_factory.mktemp("rude")
    commands = Commands(folder / "home")
    commands.run("up", "-d")
    path = write_tiny_llama(folder / "tiny.gguf", context=8192, hidden=128, layers=4)
    commands.run("pull", str(path), "--name", "endless")
    commands.run("config", "set", "node.default_model", "endless")
    yield commands
    commands.clean_up()


def body(path: str, max_tokens: int) -> dict[str, object]:
    """A request for a stream of so many tokens."""
    limit = {"/v1/responses": "max_output_tokens"}.get(path, "max_tokens")
    limits: dict[str, object] = (
        {"options": {"num_predict": max_tokens}} if path.startswith("/api") else {limit: max_tokens}
    )
    return {**STREAMS[path], **limits, "model": "endless"}


@pytest.mark.parametrize("path", STREAMS)
def test_who_leaves_in_the_middle_frees_the_engine(node: Commands, path: str) -> None:
    with Connection(node) as connection:
        connection.post(path, body(path, 7000))
        begun = connection.read_until(b"\r\n\r\n") + connection.read()
    assert status_of(begun) == 200
    assert idles(node)


def test_who_leaves_a_whole_answer_or_a_tool_of_mcp_frees_the_engine(node: Commands) -> None:
    whole = {**body("/v1/chat/completions", 7000), "stream": False}
    for path, request in (("/v1/chat/completions", whole), ("/mcp", MCP_CALL)):
        with Connection(node) as connection:
            connection.post(path, request, *MCP_HEADERS)
            assert begins(node), path
        assert idles(node), path


def test_a_hundred_streams_of_all_dialects_are_whole_but_for_those_left(node: Commands) -> None:
    before = node_bytes(node)
    paths = [path for _ in range(17) for path in STREAMS][:100]
    with ExitStack() as open_until_the_end:
        connections = [open_until_the_end.enter_context(Connection(node)) for _ in paths]
        for connection, path in zip(connections, paths, strict=True):
            connection.post(path, body(path, 12), "Connection: close")
        for connection in connections[::7]:
            connection.__exit__()
        replies = [connection.read_all() if index % 7 else b"" for index, connection in enumerate(connections)]
    for index, (reply, path) in enumerate(zip(replies, paths, strict=True)):
        if index % 7:
            assert status_of(reply) == 200, (path, reply[:300])
            assert ENDS[path] in reply[-2500:], (path, reply[-500:])
    assert idles(node)
    assert node_bytes(node) - before < 60_000_000


def test_who_stops_reading_holds_nobody_up(node: Commands) -> None:
    before = node_bytes(node)
    greedy = {**body("/v1/chat/completions", 2000), "n": 2, "logprobs": True, "top_logprobs": 20}
    with ExitStack() as open_until_the_end:
        for _ in range(3):
            slow = open_until_the_end.enter_context(Connection(node, receive_buffer_bytes=4096))
            slow.post("/v1/chat/completions", greedy)
            assert status_of(slow.read(12) + b" ") == 200
        with Connection(node) as connection:
            connection.post("/v1/messages", {**body("/v1/messages", 5), "stream": False}, "Connection: close")
            reply = connection.read_all()
        assert json.loads(reply.partition(b"\r\n\r\n")[2])["usage"]["output_tokens"] == 5
        assert node_bytes(node) - before < 60_000_000
    assert idles(node)


def test_the_engine_goes_on_to_the_end_for_who_reads_slowly(node: Commands) -> None:
    with Connection(node, receive_buffer_bytes=4096) as connection:
        connection.post(
            "/v1/chat/completions", {**body("/v1/chat/completions", 300), "logprobs": True}, "Connection: close"
        )
        reply = b""
        while piece := connection.read(512):
            reply += piece
    assert ENDS["/v1/chat/completions"] in reply
    assert reply.count(b'"finish_reason":"length"') == 1
    assert idles(node)
