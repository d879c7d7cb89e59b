"""Anthropic's dialect: messages in and out, streams, errors, and models in its shape."""

import json
from typing import Any

import pytest

from crofter.core import (
    ChatPrompt,
    Chunk,
    CrofterError,
    ErrorCode,
    GenerationRequest,
    JsonSchema,
    Message,
    ToolCallDelta,
    ToolChoice,
    Usage,
)
from tests.fakes import FakeBackend, Step
from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio
USAGE = Usage(prompt_tokens=12, completion_tokens=7, cached_tokens=4)
BEFORE = Usage(prompt_tokens=12, completion_tokens=0, cached_tokens=4)
TOOL: dict[str, Any] = {"name": "add", "description": "Adds.", "input_schema": {"type": "object"}}
EVERYTHING: list[Step] = [
    Chunk(reasoning="Hm", prompt_usage=BEFORE),
    Chunk(reasoning="m."),
    Chunk(text="I "),
    Chunk(text="add."),
    Chunk(tool_calls=(ToolCallDelta(index=0, name="add", arguments='{"a"'),)),
    Chunk(tool_calls=(ToolCallDelta(index=0, arguments=": 1}"), ToolCallDelta(index=1, name="now", arguments="{}"))),
    Chunk(finish_reason="tool_calls", usage=USAGE),
]


def ending(**fields: Any) -> list[Step]:  # noqa: ANN401 - what a chunk may hold
    return [Chunk(text="x", prompt_usage=BEFORE), Chunk(usage=USAGE, **fields)]


async def ask(browser: Browser, **fields: object) -> Reply:
    body = {"model": "seedling", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return await browser.post("/v1/messages", body, anthropic_version="2023-06-01")


async def requested(**fields: object) -> GenerationRequest:
    browser = Browser()
    reply = await ask(browser, **fields)
    assert reply.status == 200, reply.json
    return browser.backend.requests[0]


async def prompt_of(**fields: object) -> ChatPrompt:
    prompt = (await requested(**fields)).prompt
    assert isinstance(prompt, ChatPrompt)
    return prompt


def events_of(reply: Reply) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for part in reply.body.decode().split("\n\n")[:-1]:
        name, data = part.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


async def test_a_message_has_blocks_for_thinking_text_and_calls() -> None:
    reply = await ask(Browser(FakeBackend(EVERYTHING)), tools=[TOOL])
    body = reply.json
    assert body["id"].startswith("msg_")
    assert (body["type"], body["role"], body["model"]) == ("message", "assistant", "seedling")
    thinking, text, add, now = body["content"]
    assert thinking == {"type": "thinking", "thinking": "Hmm.", "signature": ""}
    assert text == {"type": "text", "text": "I add."}
    assert (add["type"], add["name"], add["input"]) == ("tool_use", "add", {"a": 1})
    assert (now["name"], now["input"]) == ("now", {})
    assert add["id"].startswith("toolu_")
    assert add["id"] != now["id"]
    assert (body["stop_reason"], body["stop_sequence"]) == ("tool_use", None)
    assert body["usage"] == {
        "input_tokens": 8,
        "output_tokens": 7,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
    }
    assert reply.headers["x-crofter-backend"] == "fake"


async def test_a_stream_opens_fills_and_closes_one_block_after_the_other() -> None:
    reply = await ask(Browser(FakeBackend(EVERYTHING)), tools=[TOOL], stream=True)
    events = events_of(reply)
    start = events[0]["message"]
    assert (start["content"], start["stop_reason"], start["usage"]["input_tokens"]) == ([], None, 8)
    assert [event["type"] for event in events] == [
        "message_start",
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop") * 2,
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
        "message_delta",
        "message_stop",
    ]
    starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert [one["type"] for one in starts] == ["thinking", "text", "tool_use", "tool_use"]
    assert [one["input"] for one in starts[2:]] == [{}, {}]
    deltas = [(event["index"], event["delta"]) for event in events if event["type"] == "content_block_delta"]
    assert [delta["type"] for _, delta in deltas] == ["thinking_delta"] * 2 + ["text_delta"] * 2 + [
        "input_json_delta"
    ] * 3
    assert "".join(delta["partial_json"] for index, delta in deltas if index == 2) == '{"a": 1}'
    assert events[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert events[-2]["usage"]["output_tokens"] == 7


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"finish_reason": "stop"}, "end_turn"),
        ({"finish_reason": "stop", "stop_string": "END"}, "stop_sequence"),
        ({"finish_reason": "length"}, "model_context_window_exceeded"),
        ({"finish_reason": "tool_calls"}, "tool_use"),
    ],
)
async def test_every_end_has_its_reason(fields: dict[str, Any], reason: str) -> None:
    for stream in (False, True):
        reply = await ask(Browser(FakeBackend(ending(**fields))), stream=stream)
        ended = events_of(reply)[-2]["delta"] if stream else reply.json
        assert (ended["stop_reason"], ended["stop_sequence"]) == (reason, fields.get("stop_string"))


async def test_the_limit_that_was_asked_for_is_named_as_such() -> None:
    reply = await ask(Browser(FakeBackend(ending(finish_reason="length"))), max_tokens=7)
    assert reply.json["stop_reason"] == "max_tokens"


async def test_fields_reach_the_backend() -> None:
    request = await requested(
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        stop_sequences=["END", ""],
        output_format={"type": "json_schema", "schema": {"a": 1}},
    )
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.5, 0.9, 3)
    assert (request.stop, request.max_tokens, request.shortens_to_fit) == (("END",), 50, True)
    assert request.constraint == JsonSchema(schema={"a": 1})


async def test_every_kind_of_block_finds_its_place_in_the_conversation() -> None:
    prompt = await prompt_of(
        system=[
            {"type": "text", "text": "x-anthropic-billing-header: cch=123;"},
            {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
        ],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "Add"}, {"type": "text", "text": "1 and 2"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Easy.", "signature": "s"},
                    {"type": "redacted_thinking", "data": "zzz"},
                    {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Here:"},
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "3"}]},
                    {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no", "is_error": True},
                    {
                        "type": "document",
                        "title": "T",
                        "source": {"type": "text", "media_type": "text/plain", "data": "D"},
                    },
                ],
            },
        ],
        tools=[TOOL],
    )
    function = {"name": "add", "arguments": '{"a": 1}'}
    assert prompt.messages == (
        Message(role="system", content="Be brief."),
        Message(role="user", content="Add\n1 and 2"),
        Message(
            role="assistant",
            reasoning_content="Easy.",
            tool_calls=({"id": "toolu_1", "type": "function", "function": function},),
        ),
        Message(role="tool", content="3", tool_call_id="toolu_1"),
        Message(role="tool", content="Error: no", tool_call_id="toolu_2"),
        Message(role="user", content="Here:\nT\nD"),
    )
    assert prompt.tools == (
        {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}},
    )


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({"type": "auto"}, ToolChoice()),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(parallel=False)),
        ({"type": "any"}, ToolChoice(required=True)),
        ({"type": "tool", "name": "add"}, ToolChoice(required=True, name="add", parallel=False)),
    ],
)
async def test_the_choice_of_tools_reaches_the_backend(chosen: dict[str, Any], wanted: ToolChoice) -> None:
    assert (await prompt_of(tools=[TOOL], tool_choice=chosen)).tool_choice == wanted


async def test_no_tools_are_shown_where_none_may_be_used() -> None:
    assert (await prompt_of(tools=[TOOL], tool_choice={"type": "none"})).tools == ()


@pytest.mark.parametrize(("thinking", "wanted"), [("enabled", True), ("adaptive", True), ("disabled", False)])
async def test_thinking_reaches_the_template(thinking: str, wanted: bool) -> None:
    assert (await prompt_of(thinking={"type": thinking})).template_arguments == {"enable_thinking": wanted}


async def test_a_name_of_anthropics_means_the_default_model() -> None:
    reply = await ask(Browser(), model="claude-sonnet-5")
    assert reply.status == 200
    assert reply.json["model"] == "seedling"


async def test_tokens_are_counted_without_an_answer() -> None:
    browser = Browser()
    reply = await browser.post("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "Hi"}]})
    assert reply.json["input_tokens"] > 0
    assert browser.backend.requests == []


@pytest.mark.parametrize(
    ("fields", "status", "kind", "named"),
    [
        ({"messages": []}, 400, "invalid_request_error", "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}]},
            400,
            None,
            "image",
        ),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, 400, None, "web_search"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}}, 400, None, "tool_choice"),
        ({"max_tokens": 0}, 400, None, "max_tokens"),
    ],
)
async def test_errors_have_its_shape_and_name_the_field(
    fields: dict[str, Any], status: int, kind: str | None, named: str
) -> None:
    reply = await ask(Browser(), **fields)
    assert reply.status == status
    assert reply.json["type"] == "error"
    assert reply.json["error"]["type"] == (kind or "invalid_request_error")
    assert named in reply.json["error"]["message"]


async def test_an_error_in_the_middle_of_a_stream_is_an_event() -> None:
    script: list[Step] = [Chunk(text="a", prompt_usage=BEFORE), CrofterError(ErrorCode.WORKER_DIED, "it died")]
    reply = await ask(Browser(FakeBackend(script)), stream=True)
    last = events_of(reply)[-1]
    assert (last["type"], last["error"]["type"], last["error"]["message"]) == ("error", "api_error", "it died")


async def test_models_come_in_the_shape_of_whoever_asks() -> None:
    browser = Browser()
    page = (await browser.get("/v1/models", anthropic_version="2023-06-01")).json
    assert page["data"][0]["type"] == "model"
    assert page["first_id"] == page["data"][0]["id"]
    one = (await browser.get(f"/v1/models/{page['first_id']}", anthropic_version="2023-06-01")).json
    assert (one["id"], one["lifecycle"]) == (page["first_id"], "active")
    assert (await browser.get("/v1/models")).json["object"] == "list"
    missing = await browser.get("/v1/models/none", anthropic_version="2023-06-01")
    assert (missing.status, missing.json["error"]["type"]) == (404, "not_found_error")
