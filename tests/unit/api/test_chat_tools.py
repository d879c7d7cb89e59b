"""Tools in chat completions: what reaches the backend, and calls as OpenAI clients read them."""

import json
from typing import Any

import pytest

from crofter.core import ChatPrompt, Chunk, ToolCallDelta, ToolChoice, Usage
from tests.fakes import TIMINGS, FakeBackend, Step
from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio
ADD: dict[str, Any] = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object"}, "strict": True},
}
NOW: dict[str, Any] = {"type": "function", "function": {"name": "now"}}
NAMED = {"type": "function", "function": {"name": "add"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}


def calling(*deltas: ToolCallDelta, text: str = "") -> list[Step]:
    """Chunks of an answer that calls tools, one for each delta."""
    end = Chunk(finish_reason="tool_calls", usage=Usage(prompt_tokens=5, completion_tokens=9), timings=TIMINGS)
    begun: list[Step] = [Chunk(text=text)] if text else []
    return [*begun, *(Chunk(tool_calls=(delta,)) for delta in deltas), end]


TWO = calling(
    ToolCallDelta(index=0, name="add", arguments='{"a"'),
    ToolCallDelta(index=0, arguments=": 1}"),
    ToolCallDelta(index=1, name="now", arguments="{}"),
)


async def prompt_of(**fields: Any) -> ChatPrompt:  # noqa: ANN401 - what a body may hold
    browser = Browser()
    reply = await browser.chat(**fields)
    assert reply.status == 200, reply.json
    prompt = browser.backend.requests[0].prompt
    assert isinstance(prompt, ChatPrompt)
    return prompt


async def test_calls_are_part_of_the_message() -> None:
    reply = await Browser(FakeBackend(TWO)).chat(tools=[ADD, NOW])

    choice = reply.json["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    calls = choice["message"]["tool_calls"]
    assert [call["type"] for call in calls] == ["function", "function"]
    assert [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls] == [
        ("add", {"a": 1}),
        ("now", {}),
    ]
    assert len({call["id"] for call in calls}) == 2


async def test_text_beside_a_call_is_kept() -> None:
    script = calling(ToolCallDelta(index=0, name="now", arguments="{}"), text="Let me see.")
    reply = await Browser(FakeBackend(script)).chat(tools=[NOW])
    assert reply.json["choices"][0]["message"]["content"] == "Let me see."


async def test_a_streamed_call_opens_with_its_name_and_goes_on_with_fragments() -> None:
    reply = await Browser(FakeBackend(TWO)).chat(tools=[ADD, NOW], stream=True)

    deltas = [event["choices"][0]["delta"] for event in reply.events]
    fragments = [fragment for delta in deltas for fragment in delta.get("tool_calls", [])]
    assert [fragment["index"] for fragment in fragments] == [0, 0, 0, 1, 1]
    opened = [fragment for fragment in fragments if "id" in fragment]
    assert [(one["type"], one["function"]) for one in opened] == [
        ("function", {"name": "add", "arguments": ""}),
        ("function", {"name": "now", "arguments": ""}),
    ]
    assert "".join(one["function"]["arguments"] for one in fragments if one["index"] == 0) == '{"a": 1}'
    assert reply.events[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert reply.done


@pytest.mark.parametrize(
    ("fields", "names", "choice"),
    [
        ({}, ["add", "now"], ToolChoice()),
        ({"tool_choice": "auto"}, ["add", "now"], ToolChoice()),
        ({"tool_choice": "none"}, [], ToolChoice()),
        ({"tool_choice": "required"}, ["add", "now"], ToolChoice(required=True)),
        ({"tool_choice": NAMED}, ["add", "now"], ToolChoice(required=True, name="add", parallel=False)),
        ({"tool_choice": ALLOWED}, ["add"], ToolChoice(required=True)),
        ({"parallel_tool_calls": False}, ["add", "now"], ToolChoice(parallel=False)),
    ],
)
async def test_the_choice_reaches_the_backend(fields: dict[str, Any], names: list[str], choice: ToolChoice) -> None:
    prompt = await prompt_of(tools=[ADD, NOW], **fields)
    assert [tool["function"]["name"] for tool in prompt.tools] == names
    assert prompt.tool_choice == choice


async def test_the_older_fields_mean_the_same() -> None:
    prompt = await prompt_of(functions=[ADD["function"]], function_call={"name": "add"})
    assert prompt.tools == (ADD,)
    assert prompt.tool_choice == ToolChoice(required=True, name="add", parallel=False)


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ({"tools": [NOW], "tool_choice": NAMED}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [NOW], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [NOW], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": "x", "parameters": 3}}]}, "tools[0].function.parameters"),
    ],
)
async def test_what_is_wrong_is_named(fields: dict[str, Any], parameter: str) -> None:
    reply = await Browser().chat(**fields)
    assert reply.status == 400
    assert reply.json["error"]["param"] == parameter


@pytest.mark.parametrize("stream", [False, True])
async def test_each_of_several_answers_has_its_own_calls(stream: bool) -> None:
    steps: list[Step] = [
        Chunk(choice=choice, tool_calls=(ToolCallDelta(index=0, name=name, arguments="{}"),))
        for choice, name in enumerate(("add", "now"))
    ]
    usage = Usage(prompt_tokens=5, completion_tokens=9)
    ends: list[Step] = [
        Chunk(choice=0, finish_reason="tool_calls"),
        Chunk(choice=1, finish_reason="tool_calls", usage=usage),
    ]
    reply = await Browser(FakeBackend([*steps, *ends])).chat(tools=[ADD, NOW], n=2, stream=stream)
    whole = [choice["message"] for choice in reply.json["choices"]] if not stream else []
    pieces = [choice for event in reply.events for choice in event["choices"]] if stream else []
    streamed = {piece["index"]: piece["delta"] for piece in pieces if "name" in str(piece["delta"].get("tool_calls"))}
    messages = whole or [streamed[0], streamed[1]]
    assert [message["tool_calls"][0]["function"]["name"] for message in messages] == ["add", "now"]
