import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from crofter.cli.client import NodeClient, connect
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, RunningNode

REFUSED = b'{"error":{"message":"no such key","type":"invalid_request_error","param":null,"code":"not_found"}}'


class Step(msgspec.Struct):
    number: int


class Handler(BaseHTTPRequestHandler):
    """A few addresses, each answering in one way."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        replies = {
            "/token": (200, msgspec.json.encode(self.headers["Authorization"])),
            "/refused": (404, REFUSED),
            "/strange": (502, b"<html>"),
        }
        self._reply(*replies[self.path])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        failure = REFUSED if self.path == "/broken" else b'{"number":2}'
        self._reply(404 if self.path == "/refused" else 200, b'{"number":1}\n\n' + failure + b"\n")

    def _reply(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        return


@pytest.fixture
def client() -> Generator[NodeClient]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with NodeClient(RunningNode(pid=1, url=url, administrator_token="secret", started_at=0.0, version="0")) as client:
        yield client
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_administrators_token_is_sent(client: NodeClient) -> None:
    assert client.get("/token", str) == "Bearer secret"


def test_a_refusal_keeps_its_code_and_words(client: NodeClient) -> None:
    with pytest.raises(CrofterError) as raised:
        client.get("/refused", object)
    assert (raised.value.code, raised.value.message) == (ErrorCode.NOT_FOUND, "no such key")


def test_a_reply_that_is_no_error_object_is_still_an_error(client: NodeClient) -> None:
    with pytest.raises(CrofterError) as raised:
        client.get("/strange", object)
    assert raised.value.code is ErrorCode.INTERNAL
    assert "502" in raised.value.message


def test_progress_comes_step_by_step(client: NodeClient) -> None:
    assert [step.number for step in client.progress("/steps", {}, Step)] == [1, 2]


def test_progress_that_ends_in_an_error_raises_it(client: NodeClient) -> None:
    steps = client.progress("/broken", {}, Step)
    assert next(steps).number == 1
    with pytest.raises(CrofterError) as raised:
        next(steps)
    assert raised.value.code is ErrorCode.NOT_FOUND


def test_a_node_that_is_gone_is_reported_as_such() -> None:
    node = RunningNode(pid=1, url="http://127.0.0.1:1", administrator_token="t", started_at=0.0, version="0")
    with NodeClient(node) as client, pytest.raises(CrofterError) as raised:
        client.get("/token", str)
    assert raised.value.code is ErrorCode.NODE_NOT_RUNNING


def test_without_a_node_connecting_gives_advice(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(CrofterError) as raised:
        connect(Home(tmp_path_factory.mktemp("home")))
    assert raised.value.code is ErrorCode.NODE_NOT_RUNNING
    assert "crofter up" in raised.value.message
