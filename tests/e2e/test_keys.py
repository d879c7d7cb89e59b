"""Keys and their limits as owners and clients meet them: real commands, a real node, the clients' own errors."""

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import anthropic
import anyio
import httpx2
import mcp_types as types
import openai
import pytest
from anthropic.types import MessageParam
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from openai.types import CompletionUsage

from crofter.node.keys.ring import SAVE_SECONDS
from tests.e2e.commands import Commands

HI: MessageParam = {"role": "user", "content": "Hi"}


@pytest.fixture
def node(crofter: Commands) -> Generator[Commands]:
    """The shared node, without keys before and after."""
    yield crofter
    for key in crofter.json("key", "ls"):
        crofter.run("key", "revoke", key["name"])


def created(node: Commands, name: str, *options: str) -> str:
    return node.json("key", "create", name, *options)["secret"]


def of_openai(node: Commands, secret: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{node.running()['url']}/v1", api_key=secret, max_retries=0)


def of_anthropic(node: Commands, secret: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=node.running()["url"], api_key=secret, max_retries=0)


def chat(node: Commands, secret: str) -> CompletionUsage:
    with of_openai(node, secret) as client:
        usage = client.chat.completions.create(
            model="seedling", messages=[{"role": "user", "content": "Hi"}], max_tokens=4
        ).usage
    assert usage is not None
    return usage


def streamed(node: Commands, secret: str) -> CompletionUsage:
    with of_openai(node, secret) as client:
        *_, last = client.chat.completions.create(
            model="seedling",
            messages=[{"role": "user", "content": "Hi"}],
            max_tokens=4,
            stream=True,
            stream_options={"include_usage": True},
        )
    assert last.usage is not None
    return last.usage


def message(node: Commands, secret: str) -> None:
    with of_anthropic(node, secret) as client:
        client.messages.create(model="seedling", max_tokens=4, messages=[HI])


def used(node: Commands, name: str) -> dict[str, int]:
    return node.json("key", "show", name)["today"]


def test_clients_know_every_refusal_by_its_type(node: Commands) -> None:
    once = created(node, "once", "--requests-per-minute", "1")
    admin = created(node, "admin", "--scope", "admin")
    chat(node, once)
    with pytest.raises(openai.RateLimitError) as limited:
        chat(node, once)
    assert 1 <= int(limited.value.response.headers["retry-after"]) <= 60
    assert limited.value.response.headers["x-ratelimit-limit-requests"] == "1"
    with pytest.raises(anthropic.RateLimitError) as told:
        message(node, once)
    assert told.value.response.headers["anthropic-ratelimit-requests-remaining"] == "0"
    with pytest.raises(openai.PermissionDeniedError, match="scope"):
        chat(node, admin)
    with pytest.raises(anthropic.PermissionDeniedError, match="scope"):
        message(node, admin)
    with pytest.raises(openai.AuthenticationError, match="not valid"):
        chat(node, "crofter-wrong")
    with pytest.raises(anthropic.AuthenticationError, match="not valid"):
        message(node, "crofter-wrong")
    node.run("key", "set", "admin", "--scope", "inference", "--expires", "0m")
    with pytest.raises(openai.AuthenticationError, match="expired"):
        chat(node, admin)


def test_an_admin_key_does_what_the_owner_does_and_no_other_key(node: Commands) -> None:
    secrets = {"admin": created(node, "admin", "--scope", "admin"), "plain": created(node, "plain")}
    for name, status in (("admin", 200), ("plain", 403)):
        reply = httpx2.get(
            f"{node.running()['url']}/crofter/v1/keys", headers={"Authorization": f"Bearer {secrets[name]}"}
        )
        assert reply.status_code == status


def test_a_prompt_that_is_too_much_is_refused_and_a_changed_limit_holds_at_once(node: Commands) -> None:
    secret = created(node, "small", "--tokens-per-day", "60")
    with of_openai(node, secret) as client, pytest.raises(openai.APIStatusError) as too_large:
        client.completions.create(model="seedling", prompt="word " * 100, max_tokens=1)
    assert too_large.value.status_code == 413

    def use_up() -> None:
        for _ in range(60):
            chat(node, secret)

    with pytest.raises(openai.RateLimitError, match="tokens a day"):
        use_up()
    assert 0 < used(node, "small")["prompt_tokens"] <= 60
    node.run("key", "set", "small", "--tokens-per-day", "unlimited")
    chat(node, secret)


def test_usage_is_what_clients_are_told_and_outlives_the_node(fresh: Commands) -> None:
    fresh.run("up", "-d")
    secret = created(fresh, "laptop")
    told = [chat(fresh, secret), chat(fresh, secret), chat(fresh, secret), streamed(fresh, secret)]
    before = used(fresh, "laptop")
    assert before["requests"] == 4
    assert before["prompt_tokens"] == sum(usage.prompt_tokens for usage in told)
    assert before["completion_tokens"] == sum(usage.completion_tokens for usage in told)
    fresh.run("down")
    fresh.run("up", "-d")
    assert used(fresh, "laptop") == before
    [day] = fresh.json("key", "usage", "laptop")
    assert day["requests"] == 4
    assert "laptop" in fresh.run("key", "usage").stdout


def test_a_client_that_hangs_up_is_charged_for_what_was_written(node: Commands) -> None:
    secret = created(node, "laptop")
    with of_openai(node, secret) as client:
        stream = client.completions.create(
            model="seedling", prompt="Once upon a time", max_tokens=400, temperature=0, stream=True
        )
        for _ in zip(range(3), stream, strict=False):
            pass
        stream.close()
    deadline = time.monotonic() + 20
    while not (counted := used(node, "laptop"))["completion_tokens"]:
        assert time.monotonic() < deadline
    assert counted["requests"] == 1
    assert counted["prompt_tokens"] > 0
    assert 3 <= counted["completion_tokens"] < 400


def change_of(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


@pytest.mark.slow
def test_a_killed_node_forgets_only_what_it_had_no_time_to_write(fresh: Commands) -> None:
    fresh.run("up", "-d")
    secret = created(fresh, "laptop", "--tokens-per-day", "1000")
    journal = fresh.home / "crofter.db-wal"
    chat(fresh, secret)
    kept, written = used(fresh, "laptop"), change_of(journal)
    chat(fresh, secret)
    deadline = time.monotonic() + 4 * SAVE_SECONDS
    while change_of(journal) == written:
        assert time.monotonic() < deadline, "nothing was written in several times the promised time"
        time.sleep(0.05)
    chat(fresh, secret)
    charged = used(fresh, "laptop")
    os.kill(fresh.running()["pid"], signal.SIGKILL)
    fresh.run("up", "-d")
    found = used(fresh, "laptop")
    assert kept["requests"] <= found["requests"] <= charged["requests"]
    assert kept["prompt_tokens"] <= found["prompt_tokens"] <= charged["prompt_tokens"]


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_tools_of_mcp_count_for_the_key_they_come_with(node: Commands, mode: str) -> None:
    secret = await anyio.to_thread.run_sync(created, node, "agent", "--requests-per-minute", "1")
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=60) as http:
        transport = streamable_http_client(f"{node.running()['url']}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:  # pyright: ignore[reportArgumentType]  # one of its modes
            for is_error in (False, True):
                result = await client.call_tool("chat", {"prompt": "Hi", "max_tokens": 4})
                assert isinstance(result, types.CallToolResult)
                assert bool(result.is_error) == is_error
    counted = await anyio.to_thread.run_sync(used, node, "agent")
    assert counted["requests"] == 1
    assert counted["errors"] == 1
    assert counted["completion_tokens"] > 0


def test_the_key_of_the_store_stays_in_its_file_where_no_keyring_is(fresh: Commands) -> None:
    fresh.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    assert fresh.json("key", "store") == {"place": "file"}
    assert "there is none to be reached" in fresh.run("key", "store", "--keyring", code=1).stderr
    assert fresh.json("key", "store") == {"place": "file"}
    assert "store.key" in fresh.run("key", "store", "--file").stdout
    assert len((fresh.home / "store.key").read_bytes()) == 32
