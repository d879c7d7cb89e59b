"""OpenAI's Responses: items in and out, events in their order, and what is kept."""

import json
from typing import Any

import anyio
import pytest

from crofter.core import (
    ChatPrompt,
    Chunk,
    CrofterError,
    ErrorCode,
    GenerationRequest,
    JsonSchema,
    Message,
    TokenLogprob,
    ToolCallDelta,
    ToolChoice,
    Usage,
)
from tests.fakes import TIMINGS, FakeBackend, Step
from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio
USAGE = Usage(prompt_tokens=12, completion_tokens=7, cached_tokens=4, reasoning_tokens=2)
EVERYTHING: list[Step] = [
    Chunk(reasoning="Hm"),
    Chunk(reasoning="m."),
    Chunk(text="I "),
    Chunk(text="add."),
    Chunk(tool_calls=(ToolCallDelta(index=0, name="add", arguments='{"a"'),)),
    Chunk(tool_calls=(ToolCallDelta(index=0, arguments=": 1}"), ToolCallDelta(index=1, name="now", arguments="{}"))),
    Chunk(finish_reason="tool_calls", usage=USAGE, timings=TIMINGS),
]
_OTHERS = (TokenLogprob(token_id=3, token=b"b", logprob=-1.5),)
_TOKEN = TokenLogprob(token_id=2, token=b"a", logprob=-0.5, alternatives=_OTHERS)
TOOL = {"type": "function", "name": "add", "parameters": {"type": "object"}}


async def respond(browser: Browser, **fields: object) -> Reply:
    return await browser.post("/v1/responses", {"model": "seedling", "input": "Hi", **fields})


async def requested(**fields: object) -> GenerationRequest:
    browser = Browser()
    reply = await respond(browser, **fields)
    assert reply.status == 200, reply.json
    return browser.backend.requests[0]


def events_of(reply: Reply) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for part in reply.body.decode().split("\n\n")[:-1]:
        name, data = part.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


async def test_a_response_has_items_for_thinking_message_and_calls() -> None:
    body = (await respond(Browser(FakeBackend(EVERYTHING)), tools=[TOOL])).json
    assert (body["object"], body["status"], body["error"], body["incomplete_details"]) == (
        "response",
        "completed",
        None,
        None,
    )
    thinking, message, add, now = body["output"]
    assert (thinking["type"], thinking["content"]) == ("reasoning", [{"type": "reasoning_text", "text": "Hmm."}])
    assert (message["type"], message["role"], message["status"]) == ("message", "assistant", "completed")
    assert message["content"] == [{"type": "output_text", "text": "I add.", "annotations": [], "logprobs": []}]
    assert (add["type"], add["name"], json.loads(add["arguments"])) == ("function_call", "add", {"a": 1})
    assert now["call_id"] != add["call_id"]
    assert body["usage"]["input_tokens_details"] == {"cached_tokens": 4}
    assert body["usage"]["output_tokens_details"] == {"reasoning_tokens": 2}
    assert body["crofter"]["provenance"]["backend"] == "fake"


async def test_events_come_in_the_order_of_the_specification() -> None:
    events = events_of(await respond(Browser(FakeBackend(EVERYTHING)), tools=[TOOL], stream=True))
    call = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        *(
            "output_item.added",
            "reasoning_text.delta",
            "reasoning_text.delta",
            "reasoning_text.done",
            "output_item.done",
        ),
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done"),
        *("content_part.done", "output_item.done"),
        *(call[0], call[1], call[1], call[2], call[3]),
        *call,
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    added = [event["output_index"] for event in events if event["type"].endswith("output_item.added")]
    assert added == [0, 1, 2, 3]
    done = [event["item"] for event in events if event["type"].endswith("output_item.done")]
    assert events[-1]["response"]["output"] == done
    assert events[0]["response"]["output"] == []


LOGPROBS: list[Step] = [
    Chunk(reasoning="Hm.", logprobs=(TokenLogprob(token_id=1, token=b"Hm.", logprob=-0.1),)),
    Chunk(text="a", logprobs=(_TOKEN,)),
    Chunk(text="bc", logprobs=(_TOKEN, _TOKEN)),
    Chunk(tool_calls=(ToolCallDelta(index=0, name="add", arguments="{}"),), logprobs=(_TOKEN,)),
    Chunk(finish_reason="stop", usage=USAGE, logprobs=(_TOKEN,)),
]


async def test_tokens_of_the_message_come_with_their_probabilities_if_asked_for() -> None:
    asked = {"include": ["message.output_text.logprobs"], "top_logprobs": 1}
    browser = Browser(FakeBackend(LOGPROBS))
    told: dict[str, Any] = {"token": "a", "logprob": -0.5, "bytes": [97]}
    told["top_logprobs"] = [{"token": "b", "logprob": -1.5, "bytes": [98]}]

    body = (await respond(browser, **asked)).json
    assert browser.backend.requests[0].top_logprobs == 1
    assert body["top_logprobs"] == 1
    [part] = body["output"][1]["content"]
    assert part["logprobs"] == [told] * 3

    events = events_of(await respond(browser, **asked, stream=True))
    deltas = [event["logprobs"] for event in events if event["type"] == "response.output_text.delta"]
    assert deltas == [[told], [told, told]]
    [done] = [event for event in events if event["type"] == "response.output_text.done"]
    assert done["logprobs"] == [told] * 3
    assert events[-1]["response"]["output"][1]["content"] == [part]


async def test_probabilities_are_neither_asked_for_nor_told_by_themselves() -> None:
    assert (await requested()).top_logprobs is None
    assert (await requested(include=["message.output_text.logprobs"])).top_logprobs == 0
    reply = await respond(Browser(), top_logprobs=2)
    assert (reply.status, reply.json["error"]["param"]) == (400, "top_logprobs")


async def test_an_answer_that_was_cut_is_incomplete() -> None:
    script: list[Step] = [Chunk(text="a"), Chunk(finish_reason="length", usage=USAGE)]
    body = (await respond(Browser(FakeBackend(script)))).json
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert events_of(await respond(Browser(FakeBackend(script)), stream=True))[-1]["type"] == "response.incomplete"


async def test_a_response_goes_on_from_an_earlier_one() -> None:
    browser = Browser(FakeBackend(EVERYTHING))
    first = (await respond(browser, tools=[TOOL])).json
    calls = [item["call_id"] for item in first["output"] if item["type"] == "function_call"]
    outputs = [{"type": "function_call_output", "call_id": call, "output": "3"} for call in calls]
    await respond(browser, input=outputs, previous_response_id=first["id"], instructions="Be brief.")
    prompt = browser.backend.requests[1].prompt
    assert isinstance(prompt, ChatPrompt)
    roles = [message.role for message in prompt.messages]
    assert roles == ["system", "user", "assistant", "tool", "tool"]
    said = prompt.messages[2]
    assert (said.reasoning_content, said.content) == ("Hmm.", "I add.")
    assert [call["id"] for call in said.tool_calls or ()] == calls


async def test_kept_responses_can_be_read_listed_and_deleted() -> None:
    browser = Browser()
    response = (await respond(browser)).json
    address = f"/v1/responses/{response['id']}"
    assert (await browser.get(address)).json["output"] == response["output"]
    assert (await browser.get(f"{address}/input_items")).json["data"][0]["content"] == "Hi"
    assert (await browser.post(f"{address}/cancel", {})).json["status"] == "completed"
    assert (await browser.send("DELETE", address, b"", {})).json["deleted"] is True
    assert (await browser.get(address)).status == 404


async def test_what_shall_not_be_stored_is_not() -> None:
    browser = Browser()
    response = (await respond(browser, store=False)).json
    assert (await browser.get(f"/v1/responses/{response['id']}")).status == 404


async def test_only_so_many_are_kept() -> None:
    browser = Browser()
    ids = [(await respond(browser)).json["id"] for _ in range(258)]
    assert [(await browser.get(f"/v1/responses/{one}")).status for one in (*ids[:3], ids[-1])] == [404, 404, 200, 200]


async def test_a_response_being_written_can_be_cancelled() -> None:
    browser = Browser(FakeBackend([Chunk(text="a"), "wait"]))
    replies: list[Reply] = []

    seen: list[str] = []

    def on_piece(piece: bytes) -> None:
        seen.append(piece.decode())

    async def ask_and_watch() -> None:
        body = json.dumps({"model": "seedling", "input": "Hi", "stream": True}).encode()
        replies.append(await browser.send("POST", "/v1/responses", body, {}, on_piece=on_piece))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask_and_watch)
        await browser.backend.waiting.wait()
        response_id = json.loads(seen[0].split("data: ")[1].split("\n")[0])["response"]["id"]
        assert (await browser.post(f"/v1/responses/{response_id}/cancel", {})).json["status"] == "cancelled"
    assert events_of(replies[0])[-1]["response"]["error"]["code"] == "cancelled"


async def test_a_stream_that_breaks_off_ends_with_what_there_was_and_why() -> None:
    error = CrofterError(ErrorCode.WORKER_DIED, "the worker died")
    reply = await respond(Browser(FakeBackend([Chunk(text="half"), error])), stream=True)
    events = events_of(reply)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    last = events[-1]
    assert reply.body.decode().rstrip().split("\n")[-2] == "event: response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": "worker_died", "message": "the worker died"}
    [item] = last["response"]["output"]
    assert (item["status"], item["content"][0]["text"]) == ("incomplete", "half")


async def test_what_fails_before_the_first_token_has_a_status() -> None:
    reply = await respond(Browser(FakeBackend([CrofterError(ErrorCode.OVERLOADED, "busy")])), stream=True)
    assert (reply.status, reply.json["error"]["code"]) == (503, "overloaded")


@pytest.mark.parametrize("stream", [True, False])
async def test_tools_that_were_left_out_are_named_with_the_reason(stream: bool) -> None:
    tools = [{"type": "web_search"}, {"type": "namespace", "name": "x", "tools": []}, TOOL]
    reply = await respond(Browser(), tools=tools, stream=stream)
    extension = (events_of(reply)[-1]["response"] if stream else reply.json)["crofter"]
    assert [(tool["type"], tool["name"]) for tool in extension["ignored_tools"]] == [
        ("web_search", ""),
        ("namespace", "x"),
    ]
    assert all("only functions" in tool["reason"] for tool in extension["ignored_tools"])
    assert "ignored_tools" not in (await respond(Browser(), tools=[TOOL])).json["crofter"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input": "Hi"}, Message(role="user", content="Hi")),
        ({"input": [{"role": "developer", "content": "Hi"}]}, Message(role="system", content="Hi")),
        (
            {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]},
            Message(role="user", content="Hi"),
        ),
        (
            {"input": [{"role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}]},
            Message(role="assistant", content="Hi"),
        ),
    ],
)
async def test_items_become_messages(fields: dict[str, Any], message: Message) -> None:
    prompt = (await requested(**fields)).prompt
    assert isinstance(prompt, ChatPrompt)
    assert prompt.messages == (message,)


async def test_fields_reach_the_backend() -> None:
    request = await requested(
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=9,
        text={"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True}},
        reasoning={"effort": "low"},
        tools=[TOOL],
        tool_choice={"type": "function", "name": "add"},
    )
    assert (request.sampling.temperature, request.sampling.top_p, request.max_tokens) == (0.5, 0.9, 9)
    assert request.constraint == JsonSchema(schema={"type": "object"})
    assert isinstance(request.prompt, ChatPrompt)
    assert request.prompt.template_arguments == {"reasoning_effort": "low"}
    assert request.prompt.tool_choice == ToolChoice(required=True, name="add", parallel=False)
    assert request.prompt.tools[0]["function"]["name"] == "add"


async def test_tools_of_openais_servers_are_left_out_as_clients_offer_them_to_any_node() -> None:
    prompt = (
        await requested(tools=[{"type": "web_search"}, {"type": "namespace", "name": "x", "tools": []}, TOOL])
    ).prompt
    assert isinstance(prompt, ChatPrompt)
    assert [tool["function"]["name"] for tool in prompt.tools] == ["add"]


async def test_tokens_are_counted_without_an_answer() -> None:
    browser = Browser()
    reply = await browser.post("/v1/responses/input_tokens", {"model": "seedling", "input": "Hi"})
    assert reply.json == {"object": "response.input_tokens", "input_tokens": 2}
    assert browser.backend.requests == []


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ({"input": []}, "input"),
        ({"input": [{"type": "computer_call"}]}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "x"}}, "tool_choice"),
        ({"previous_response_id": "resp_none"}, "previous_response_id"),
        ({"background": True}, "background"),
    ],
)
async def test_what_is_wrong_is_named(fields: dict[str, Any], parameter: str) -> None:
    reply = await respond(Browser(), **fields)
    assert reply.status in {400, 404}
    assert reply.json["error"]["param"] == parameter
