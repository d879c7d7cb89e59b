"""Finding servers on this machine."""

from urllib.parse import urlsplit

import anyio.to_thread
import pytest

from crofter.providers import found_servers
from crofter.providers.discovery import USUAL_PORTS
from tests.provider_server import ProviderServer, provider_server, reply

pytestmark = pytest.mark.anyio


def port(server: ProviderServer) -> int:
    found = urlsplit(server.url).port
    assert found is not None
    return found


def models(owned_by: str) -> list[dict[str, str]]:
    return [{"id": "a", "object": "model", "owned_by": owned_by}, {"id": "b", "object": "model", "owned_by": owned_by}]


@pytest.mark.parametrize(("owned_by", "kind"), [("library", "ollama"), ("someone", "vllm"), ("crofter", "crofter")])
async def test_a_server_is_found_and_known_by_what_it_says(owned_by: str, kind: str) -> None:
    async with provider_server(reply({"object": "list", "data": models(owned_by)})) as server:
        [found] = await anyio.to_thread.run_sync(found_servers, (), {port(server): "vllm"})
    assert (found.kind_name, found.base_url, found.model_count) == (kind, server.url, 2)
    assert found.command == f"crofter provider add {kind} --base-url {server.url}"
    assert server.asked[0].path == "/v1/models"
    assert "authorization" not in server.asked[0].headers


async def test_the_node_itself_is_not_asked() -> None:
    async with provider_server(reply({"data": []})) as server:
        assert await anyio.to_thread.run_sync(found_servers, (port(server),), {port(server): "vllm"}) == []
    assert server.asked == []


@pytest.mark.parametrize(
    "script",
    [reply(b"<html>"), reply({"hello": 1}), reply({"data": []}, 302, location="http://x/"), [b"SSH-2.0\r\n"], []],
)
async def test_another_kind_of_server_is_left_alone(script: list[bytes]) -> None:
    async with provider_server(script) as server:
        assert await anyio.to_thread.run_sync(found_servers, (), {port(server): "vllm"}) == []


def test_at_its_usual_place_a_name_is_enough() -> None:
    from crofter.providers import KINDS, FoundServer

    for usual_port, kind in USUAL_PORTS.items():
        assert KINDS[kind].base_url == f"http://127.0.0.1:{usual_port}/v1"
        found = FoundServer(kind_name=kind, base_url=KINDS[kind].base_url, model_count=1)
        assert found.command == f"crofter provider add {kind}"
