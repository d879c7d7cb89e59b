"""Connections, sync and async, against a server that answers as it is told: errors keep their words, and what is safe is asked again."""

import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from crofter.client import AsyncConnection, Connection, Patience, Place, Request
from crofter.core import CrofterError, ErrorCode

pytestmark = pytest.mark.anyio

REFUSED = b'{"error":{"message":"no such key","type":"invalid_request_error","param":"name","code":"not_found"}}'
BUSY = b'{"error":{"message":"too much","type":"overloaded_error","param":null,"code":"overloaded"}}'
SEPARATORS = "a\u2028b\x85c\u2029d"


class Step(msgspec.Struct):
    number: int


class Handler(BaseHTTPRequestHandler):
    """A few addresses, each answering in one way."""

    protocol_version = "HTTP/1.0"
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/busy" and len(self.asked) < 3:
            self._reply(503, BUSY, retry_after="0")
            return
        replies = {
            "/token": (200, msgspec.json.encode(self.headers["Authorization"])),
            "/refused": (404, REFUSED),
            "/strange": (502, b"<html>"),
            "/busy": (200, b'"at last"'),
            "/separators": (200, msgspec.json.encode({"text": SEPARATORS})),
        }
        self._reply(*replies[self.path])

    def do_POST(self) -> None:
        self.asked.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/busy":
            self._reply(503, BUSY, retry_after="0")
            return
        text = msgspec.json.encode(SEPARATORS)
        endings = {"/broken": REFUSED, "/separators": b'{"number":2,"text":' + text + b"}"}
        failure = endings.get(self.path, b'{"number":2}')
        self._reply(404 if self.path == "/refused" else 200, b'{"number":1}\n\n' + failure + b"\n")

    def _reply(self, status: int, content: bytes, *, retry_after: str = "") -> None:
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        return


@contextmanager
def serving(asked: list[str]) -> Generator[Place]:
    handler: Any = type("Told", (Handler,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Place(url=f"http://127.0.0.1:{server.server_address[1]}", secret="secret")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def asked() -> list[str]:
    """The paths the server was asked for."""
    return []


@pytest.fixture
def place(asked: list[str]) -> Generator[Place]:
    with serving(asked) as place:
        yield place


@pytest.fixture
def connection(place: Place) -> Generator[Connection]:
    with Connection(place, patience=Patience(retries=2, first_wait_seconds=0)) as connection:
        yield connection


@pytest.fixture
async def async_connection(place: Place) -> AsyncGenerator[AsyncConnection]:
    async with AsyncConnection(place, patience=Patience(retries=2, first_wait_seconds=0)) as connection:
        yield connection


def get(path: str) -> Request:
    return Request(method="GET", path=path, repeatable=True)


def post(path: str) -> Request:
    return Request(method="POST", path=path, body={})


def failure_of(ask: Callable[[], object]) -> CrofterError:
    with pytest.raises(CrofterError) as raised:
        ask()
    return raised.value


def test_the_secret_is_sent(connection: Connection) -> None:
    assert connection.ask(get("/token"), str) == "Bearer secret"


def test_a_refusal_keeps_its_code_words_and_field(connection: Connection) -> None:
    failure = failure_of(lambda: connection.ask(get("/refused"), object))
    assert (failure.code, failure.message, failure.parameter) == (ErrorCode.NOT_FOUND, "no such key", "name")


def test_a_reply_that_is_no_error_object_is_still_an_error(connection: Connection) -> None:
    failure = failure_of(lambda: connection.ask(get("/strange"), object))
    assert failure.code is ErrorCode.INTERNAL
    assert "502" in failure.message


def test_progress_comes_step_by_step(connection: Connection) -> None:
    assert [step.number for step in connection.progress(post("/steps"), Step)] == [1, 2]


def test_progress_that_ends_in_an_error_raises_it(connection: Connection) -> None:
    steps = connection.progress(post("/broken"), Step)
    assert next(steps).number == 1
    assert failure_of(lambda: next(steps)).code is ErrorCode.NOT_FOUND


def test_only_a_line_feed_ends_a_line(connection: Connection) -> None:
    _, second = connection.streamed(post("/separators"))
    assert msgspec.json.decode(second)["text"] == SEPARATORS


def test_a_node_that_says_when_to_come_back_is_asked_again(connection: Connection, asked: list[str]) -> None:
    assert connection.ask(get("/busy"), str) == "at last"
    assert asked == ["/busy"] * 3


def test_what_might_be_done_twice_is_not_asked_again(connection: Connection, asked: list[str]) -> None:
    failure = failure_of(lambda: connection.ask(post("/busy"), str))
    assert (failure.code, failure.retry_after_seconds) == (ErrorCode.OVERLOADED, 0.0)
    assert asked == ["/busy"]
    failure_of(lambda: connection.ask(msgspec.structs.replace(post("/busy"), repeatable=True), str))
    assert asked == ["/busy"] * 4


def test_a_node_that_is_gone_is_reported_as_such() -> None:
    patience = Patience(retries=1, first_wait_seconds=0)
    with Connection(Place(url="http://127.0.0.1:1"), patience=patience) as connection:
        failure = failure_of(lambda: connection.ask(get("/token"), str))
    assert failure.code is ErrorCode.NODE_NOT_RUNNING
    assert "crofter up" in failure.message


async def test_the_async_connection_does_the_same(async_connection: AsyncConnection, asked: list[str]) -> None:
    assert await async_connection.ask(get("/token"), str) == "Bearer secret"
    assert await async_connection.ask(get("/separators"), dict[str, str]) == {"text": SEPARATORS}
    with pytest.raises(CrofterError, match="no such key"):
        await async_connection.ask(get("/refused"), object)
    steps = [step.number async for step in async_connection.progress(post("/steps"), Step)]
    assert steps == [1, 2]
    with pytest.raises(CrofterError, match="no such key"):
        [step async for step in async_connection.progress(post("/broken"), Step)]
    asked.clear()
    assert await async_connection.ask(get("/busy"), str) == "at last"


async def test_the_async_connection_reports_a_node_that_is_gone() -> None:
    async with AsyncConnection(Place(url="http://127.0.0.1:1")) as connection:
        with pytest.raises(CrofterError) as raised:
            await connection.ask(get("/token"), str)
    assert raised.value.code is ErrorCode.NODE_NOT_RUNNING
