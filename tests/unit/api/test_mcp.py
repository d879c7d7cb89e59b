"""The node as an MCP server, asked by the official client in-process."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from crofter.api import ApiSettings
from crofter.api.inference import Inference
from crofter.api.mcp.server import mcp_server
from crofter.api.metrics import Metrics
from crofter.api.services import Services, no_adapters
from crofter.core import Chunk, GenerationRequest, Model, Usage
from crofter.router import Router
from tests.fakes import TIMINGS, FakeAdministration, FakeBackend, FakeResolver

pytestmark = pytest.mark.anyio


class Speaking(FakeBackend):
    """Answers each prompt with what `say` makes of it."""

    def __init__(self, say: Any = None) -> None:  # noqa: ANN401 - a function of the prompt's text
        super().__init__()
        self._say = say or (lambda prompt: f"<{prompt}>")
        self.together = 0
        self.most_together = 0

    async def generate(self, model: Model, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        self.requests.append(request)
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        await anyio.sleep(0.01)
        self.together -= 1
        prompt: Any = request.prompt
        yield Chunk(text=self._say(prompt.messages[-1].content))
        yield Chunk(finish_reason="stop", usage=Usage(prompt_tokens=3, completion_tokens=1), timings=TIMINGS)


def services(backend: FakeBackend) -> Services:
    administration = FakeAdministration()
    router = Router(FakeResolver(), [backend])
    metrics = Metrics(router, administration)
    return Services(
        inference=Inference(router, metrics),
        administration=administration,
        settings=ApiSettings(),
        metrics=metrics,
        adapter_path=no_adapters,
    )


async def called(
    backend: FakeBackend, name: str, arguments: dict[str, Any], steps: list[tuple[float, float | None]] | None = None
) -> types.CallToolResult:
    async def report(progress: float, total: float | None, message: str | None) -> None:
        assert message
        if steps is not None:
            steps.append((progress, total))

    async with Client(mcp_server(services(backend))) as client:
        result = await client.call_tool(name, arguments, progress_callback=report)
    assert isinstance(result, types.CallToolResult)
    return result


def text_of(result: types.CallToolResult) -> str:
    [block] = result.content
    assert isinstance(block, types.TextContent)
    return block.text


async def test_every_tool_is_listed_with_a_schema_of_its_arguments() -> None:
    async with Client(mcp_server(services(FakeBackend()))) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"chat", "models", "compare", "research", "batch", "delegate", "node_info"}
    assert tools["chat"].input_schema["required"] == ["prompt"]
    assert "$ref" not in json.dumps([tool.input_schema for tool in tools.values()])


async def test_chat_answers_and_says_where_it_ran() -> None:
    backend = Speaking()
    result = await called(backend, "chat", {"prompt": "Hi", "system": "Be brief.", "max_tokens": 5, "temperature": 0.5})
    assert text_of(result) == "<Hi>"
    assert result.structured_content["model"] == "seedling"
    assert result.structured_content["ran_on"] == ["this node"]
    assert result.meta is not None
    [told] = result.meta["crofter"]["answers"]
    assert told["provenance"]["readable_by"] == ["this node"]
    request = backend.requests[0]
    assert (request.max_tokens, request.sampling.temperature) == (5, 0.5)


async def test_models_are_compared_side_by_side_with_progress() -> None:
    backend, steps = Speaking(), list[tuple[float, float | None]]()
    result = await called(backend, "compare", {"prompt": "Hi", "models": ["seedling", ""]}, steps)
    assert [one["text"] for one in json.loads(text_of(result))] == ["<Hi>", "<Hi>"]
    assert backend.most_together == 2
    assert steps == [(1, 2), (2, 2)]


async def test_a_batch_keeps_its_order_and_asks_only_so_many_at_once() -> None:
    backend = Speaking()
    prompts = [f"number {index}" for index in range(20)]
    result = await called(backend, "batch", {"prompts": prompts})
    assert [one["text"] for one in result.structured_content["result"]] == [f"<{prompt}>" for prompt in prompts]
    assert 1 < backend.most_together <= 8


async def test_research_divides_answers_and_puts_together() -> None:
    def say(prompt: str) -> str:
        if prompt.startswith("Divide"):
            return json.dumps({"questions": ["one?", "two?"]})
        return "both" if prompt.startswith("Answer the question") else f"<{prompt}>"

    backend, steps = Speaking(say), list[tuple[float, float | None]]()
    result = await called(backend, "research", {"question": "all?", "parts": 2}, steps)
    assert text_of(result) == "both"
    assert result.structured_content["parts"] == [
        {"question": "one?", "answer": "<one?>"},
        {"question": "two?", "answer": "<two?>"},
    ]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert backend.requests[0].constraint is not None


async def test_research_goes_on_when_dividing_fails() -> None:
    result = await called(Speaking(lambda _: "no json"), "research", {"question": "all?"})
    assert [part["question"] for part in result.structured_content["parts"]] == ["all?"]


async def test_a_task_is_delegated_with_its_context() -> None:
    backend = Speaking()
    assert text_of(await called(backend, "delegate", {"task": "Sum.", "context": "1 2"})) == "<Sum.\n\n1 2>"


async def test_the_node_tells_no_secret() -> None:
    result = await called(FakeBackend(), "node_info", {})
    assert set(result.structured_content) == {
        "version",
        "default_model",
        "installed_models",
        "active_requests",
        "loaded_models",
    }


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("chat", {}, "prompt"),
        ("chat", {"prompt": "Hi", "colour": "red"}, "colour"),
        ("chat", {"prompt": "Hi", "model": "none"}, "none"),
        ("batch", {"prompts": []}, "prompts"),
        ("compare", {"prompt": "Hi", "models": ["x"] * 9}, "models"),
    ],
)
async def test_what_is_wrong_is_told_as_a_result(name: str, arguments: dict[str, Any], named: str) -> None:
    result = await called(Speaking(), name, arguments)
    assert result.is_error
    assert named in text_of(result)


async def test_cancelling_a_call_frees_the_backend() -> None:
    backend = FakeBackend([Chunk(text="a"), "wait"])
    async with Client(mcp_server(services(backend))) as client:
        with anyio.move_on_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "chat", {"prompt": "Hi"})
                await backend.waiting.wait()
                tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            await backend.closed.wait()


async def test_models_are_resources_without_a_path() -> None:
    async with Client(mcp_server(services(FakeBackend()))) as client:
        resources: Sequence[types.Resource] = (await client.list_resources()).resources
        assert resources[0].uri == f"crofter://models/{resources[0].name}"
        [content] = (await client.read_resource(resources[0].uri)).contents
    assert isinstance(content, types.TextResourceContents)
    details = json.loads(content.text)
    assert details["summary"]["name"] == resources[0].name
    assert details["path"] == ""


async def test_a_resource_that_is_not_there_is_named_in_the_error() -> None:
    async with Client(mcp_server(services(FakeBackend()))) as client:
        with pytest.raises(MCPError) as missing:
            await client.read_resource("crofter://models/nonesuch")
    assert missing.value.error.data == {"uri": "crofter://models/nonesuch"}
