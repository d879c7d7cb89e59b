"""The real server on a real socket, used with OpenAI's own package."""

import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import openai
import pytest

from crofter.api import ApiSettings, BoundAddress, Server
from crofter.core import CrofterError, ErrorCode
from tests.fakes import FakeAdministration, FakeBackend
from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def serving(browser: Browser, settings: ApiSettings | None = None) -> AsyncGenerator[str]:
    server = Server(browser.app, settings or ApiSettings(port=0))
    address = server.bind()
    async with anyio.create_task_group() as group:
        await group.start(server.run)
        try:
            yield address.url
        finally:
            server.stop()


def client_of(url: str, key: str = "any") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


async def test_openai_package_chats_streams_embeds_and_lists() -> None:
    browser = Browser()
    async with serving(browser) as url, client_of(url) as client:
        whole = await client.chat.completions.create(model="seedling", messages=[{"role": "user", "content": "Hi"}])
        assert whole.choices[0].message.content == "Hello world"

        stream = await client.chat.completions.create(
            model="seedling",
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "Hello world"
        assert chunks[-1].usage is not None

        vectors = await client.embeddings.create(model="seedling", input=["a", "b"])
        assert vectors.data[1].embedding == [0.5, 0.5, 0.5, 0.5]

        assert [model.id async for model in client.models.list()] == ["seedling"]
        text = await client.completions.create(model="seedling", prompt="x")
        assert text.choices[0].text == "Hello world"


async def test_openai_package_recognises_our_errors() -> None:
    browser = Browser(FakeBackend([CrofterError(ErrorCode.OVERLOADED, "full")]), FakeAdministration(keys=["right"]))
    async with serving(browser) as url, client_of(url, "wrong") as stranger, client_of(url, "right") as client:
        with pytest.raises(openai.AuthenticationError):
            await stranger.models.list()
        with pytest.raises(openai.NotFoundError) as missing:
            await client.models.retrieve("org/nonesuch:1")
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.InternalServerError) as full:
            await client.completions.create(model="seedling", prompt="x")
        assert full.value.status_code == 503


async def test_client_that_hangs_up_on_a_socket_frees_its_generation() -> None:
    backend = FakeBackend(["wait"])
    browser = Browser(backend)
    async with serving(browser) as url:
        host, port = url.removeprefix("http://").split(":")
        stream = await anyio.connect_tcp(host, int(port))
        body = b'{"messages":[{"role":"user","content":"Hi"}],"stream":true}'
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
        await stream.send(head.encode() + body)
        with anyio.fail_after(10):
            await backend.waiting.wait()
            await stream.aclose()
            await backend.closed.wait()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/models", lambda body: body["error"]["code"]),
        ("/v1/messages", lambda body: (body["type"], body["error"]["type"])),
        ("/api/tags", lambda body: body["code"]),
    ],
)
async def test_a_connection_too_many_is_told_so_in_its_dialect(path: str, told: Callable[[Any], object]) -> None:
    expected = ("error", "overloaded_error") if path == "/v1/messages" else "overloaded"
    async with (
        serving(Browser(), ApiSettings(port=0, max_connections=1)) as url,
        httpx2.AsyncClient(base_url=url) as first,
        httpx2.AsyncClient(base_url=url) as second,
    ):
        assert (await first.get("/health")).status_code == 200
        reply = await second.get(path)
        assert (reply.status_code, reply.headers["retry-after"], told(reply.json())) == (503, "1", expected)
        assert reply.headers["connection"] == "close"
        assert (await first.get("/health")).status_code == 200


def test_taken_port_is_a_conflict_with_advice() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CrofterError) as caught:
            Server(Browser().app, ApiSettings(port=port)).bind()
    assert caught.value.code is ErrorCode.CONFLICT
    assert str(port) in caught.value.message


def test_foreign_address_is_a_configuration_error() -> None:
    for host in ("203.0.113.1", "no such host"):
        with pytest.raises(CrofterError) as caught:
            Server(Browser().app, ApiSettings(host=host, port=0)).bind()
        assert caught.value.code is ErrorCode.CONFIG_INVALID


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::1", "http://[::1]:1"),
        ("::", "http://[::1]:1"),
    ],
)
def test_url_is_one_a_client_can_use(host: str, url: str) -> None:
    assert BoundAddress(host=host, port=1).url == url
