"""The official MCP client against a real node, in the newest protocol and the one before."""

from typing import Literal

import anyio
import mcp_types as types
import pytest
from mcp import Client

from tests.e2e.commands import Commands

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_tools_answer_and_tell_how_far_they_are(crofter: Commands, mode: Literal["auto", "legacy"]) -> None:
    steps: list[float] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        assert (total, message) == (2, "answered")
        steps.append(progress)

    async with Client(f"{crofter.running()['url']}/mcp", mode=mode) as client:
        assert "chat" in [tool.name for tool in (await client.list_tools()).tools]
        said = await client.call_tool("chat", {"prompt": "Who are you?", "temperature": 0, "max_tokens": 40})
        assert isinstance(said, types.CallToolResult)
        assert said.structured_content["model"] == "seedling"
        assert said.structured_content["text"]
        assert said.meta is not None
        assert said.meta["crofter"]["answers"][0]["timings"]["ttft_ms"] > 0
        batch = await client.call_tool(
            "batch", {"prompts": ["Hello", "Good morning"], "max_tokens": 8}, progress_callback=report
        )
        assert isinstance(batch, types.CallToolResult)
        assert len(batch.structured_content["result"]) == 2
        assert steps == [1, 2]
        assert "seedling" in [resource.name for resource in (await client.list_resources()).resources]


async def test_the_first_clients_may_come_together(crofter: Commands) -> None:
    listed: list[int] = []

    async def ask(url: str) -> None:
        async with Client(f"{url}/mcp") as client:
            listed.append(len((await client.list_tools()).tools))

    url = crofter.running()["url"]
    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(ask, url)
    assert listed == [7] * 6
