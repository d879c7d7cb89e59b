"""Many clients at once, some of them rude: every answer is whole or refused with a time to retry, and nothing is left behind."""

import time

import anyio
import httpx2
import psutil
import pytest

from tests.e2e.commands import Commands

CLIENTS = 50


async def one_client(http: httpx2.AsyncClient, number: int, until: float, counts: dict[str, int]) -> None:
    body = {
        "model": "seedling",
        "messages": [{"role": "user", "content": f"Tell me a short story about a dog. {number}"}],
        "max_tokens": 40,
        "stream": True,
    }
    turn = 0
    while time.monotonic() < until:
        turn += 1
        async with http.stream("POST", "/v1/chat/completions", json=body) as reply:
            if reply.status_code != 200:
                assert reply.status_code in {429, 503}
                assert int(reply.headers["retry-after"]) >= 1
                counts["refused"] += 1
                await anyio.sleep(0.2)
                continue
            if number % 5 == 0 and turn % 2:
                # A client that leaves in the middle.
                async for _ in reply.aiter_lines():
                    break
                counts["left"] += 1
                continue
            lines = [line async for line in reply.aiter_lines()]
            assert lines[-2] == "data: [DONE]" or lines[-1] == "data: [DONE]", lines[-3:]
            counts["answered"] += 1


async def storm(crofter: Commands, seconds: float) -> dict[str, int]:
    counts = {"answered": 0, "refused": 0, "left": 0}
    limits = httpx2.Limits(max_connections=CLIENTS)
    async with httpx2.AsyncClient(base_url=crofter.running()["url"], timeout=120, limits=limits) as http:
        until = time.monotonic() + seconds
        async with anyio.create_task_group() as clients:
            for number in range(CLIENTS):
                clients.start_soon(one_client, http, number, until, counts)
        with anyio.fail_after(20):
            while any(model["active_requests"] for model in crofter.json("ps")):  # noqa: ASYNC110 - polled as a user would
                await anyio.sleep(0.2)
    return counts


def check(crofter: Commands, seconds: float) -> None:
    node = psutil.Process(crofter.running()["pid"])
    crofter.run("ask", "Hello", "--max-tokens", "2")
    before = node.memory_info().rss
    counts = anyio.run(storm, crofter, seconds)
    assert counts["answered"] >= CLIENTS
    assert counts["left"] > 0
    assert crofter.json("status")["active_requests"] == 0
    assert crofter.json("ps")[0]["kv_tokens_used"] == 0
    assert crofter.json("ps")[0]["restarts"] == 0
    assert node.memory_info().rss - before < 50_000_000


def test_fifty_clients_at_once(fresh: Commands) -> None:
    fresh.run("up", "-d")
    check(fresh, 2.0)


@pytest.mark.slow
def test_fifty_clients_for_a_minute(fresh: Commands) -> None:
    fresh.run("up", "-d")
    check(fresh, 60.0)
