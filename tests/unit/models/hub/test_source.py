"""Where the bytes of a file are asked for, and who is given the token."""

import ssl
from collections.abc import Mapping
from typing import cast

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.hub.connection import Connection, Reply
from crofter.models.hub.source import Source
from crofter.models.hub.variants import RepositoryFile
from tests.fake_hub import FakeFile, FakeHub, FakeRepository

FILE = RepositoryFile(path="m.gguf", size_bytes=10, sha256="a" * 64)
HUB = "https://hub.example/org/m/resolve/main/m.gguf"
TOKEN = {"authorization": "Bearer hf_secret", "user-agent": "crofter"}


class Script:
    """Answers each address as the test says, and remembers what it was sent."""

    def __init__(self, **replies: tuple[int, dict[str, str]]) -> None:
        self.replies = {name.replace("_", "/"): reply for name, reply in replies.items()}
        self.sent: list[tuple[str, Mapping[str, str]]] = []

    def ask(self, url: str, headers: Mapping[str, str], method: str = "GET") -> Reply:
        self.sent.append((url, headers))
        status, found = self.replies[url.partition("://")[2].partition("/")[2].partition("/")[0]]
        return Reply(status, found)


def resolved(script: Script) -> tuple[str, Mapping[str, str]]:
    return Source(HUB, TOKEN, "org/m", FILE).address(cast(Connection, script))


def test_the_hub_itself_gets_the_token_another_host_does_not() -> None:
    assert resolved(Script(org=(200, {})))[1]["authorization"] == "Bearer hf_secret"
    url, headers = resolved(Script(org=(302, {"location": "https://cdn.example/x?Signature=1"})))
    assert url == "https://cdn.example/x?Signature=1"
    assert "authorization" not in headers
    assert headers["user-agent"] == "crofter"


def test_redirects_inside_the_hub_are_followed_with_the_token() -> None:
    script = Script(org=(307, {"location": "/api/resolve-cache/x"}), api=(200, {}))
    url, headers = resolved(script)
    assert url == "https://hub.example/api/resolve-cache/x"
    assert headers["authorization"] == "Bearer hf_secret"


@pytest.mark.parametrize("location", ["http://cdn.example/x", "file:///etc/passwd", "ftp://x.example/y"])
def test_a_redirect_to_an_unsafe_place_is_not_followed(location: str) -> None:
    with pytest.raises(CrofterError, match="not safe") as caught:
        resolved(Script(org=(302, {"location": location})))
    assert caught.value.code is ErrorCode.DOWNLOAD_DAMAGED


def test_a_circle_of_redirects_ends() -> None:
    with pytest.raises(CrofterError, match="circles"):
        resolved(Script(org=(302, {"location": "/org/m/resolve/main/m.gguf"})))


@pytest.mark.parametrize("headers", [{"x-linked-size": "11"}, {"x-linked-etag": f'"{"b" * 64}"'}])
def test_a_redirect_to_other_content_is_noticed(headers: dict[str, str]) -> None:
    with pytest.raises(CrofterError, match="just changed"):
        resolved(Script(org=(302, {"location": "https://cdn.example/x", **headers})))


def test_a_proxy_is_used_where_the_environment_names_one(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repositories["org/m"] = FakeRepository({"m.gguf": FakeFile(b"0123456789")})
    hub.direct = True
    monkeypatch.setenv("http_proxy", hub.endpoint.replace("http://", "http://user:secret@"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    connection = Connection(ssl.create_default_context)
    url = "http://hub.example/org/m/resolve/main/m.gguf"
    assert connection.ask(url, {}).status == 200
    assert connection.read(url) == b"0123456789"
    connection.close()
    (seen,) = hub.requests("hub")
    assert seen.path == url
    assert seen.headers["proxy-authorization"].startswith("Basic ")


def test_a_connection_is_kept_and_reopened_when_the_server_closed_it(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    hub.repositories["org/m"] = FakeRepository({"m.gguf": FakeFile(b"0123456789")})
    hub.direct = True
    connection = Connection(ssl.create_default_context)
    url = f"{hub.endpoint}/org/m/resolve/main/m.gguf"
    for _ in range(3):
        assert connection.ask(url, {}).status == 200
        assert connection.read(url) == b"0123456789"
    connection.interrupt()
    assert connection.ask(url, {}).status == 200
    assert connection.read(url) == b"0123456789"
    connection.close()
