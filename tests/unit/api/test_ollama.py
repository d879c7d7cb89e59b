"""Ollama's dialect: lines of JSON, whole calls, models as its clients read them."""

import json
from typing import Any

import pytest

from crofter.api import KeyPolicy, KeyScope
from crofter.core import (
    ChatPrompt,
    Chunk,
    CrofterError,
    ErrorCode,
    InfillPrompt,
    JsonSchema,
    Message,
    TextPrompt,
    ToolCallDelta,
    Usage,
)
from tests.fakes import TIMINGS, FakeAdministration, FakeBackend, Step, account
from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio
USAGE = Usage(prompt_tokens=12, completion_tokens=7)
SAID: list[Step] = [
    Chunk(reasoning="Hm."),
    Chunk(text="Hel"),
    Chunk(text="lo"),
    Chunk(finish_reason="stop", usage=USAGE, timings=TIMINGS),
]
CALLED: list[Step] = [
    Chunk(tool_calls=(ToolCallDelta(index=0, name="add", arguments='{"a"'),)),
    Chunk(tool_calls=(ToolCallDelta(index=0, arguments=": 1}"), ToolCallDelta(index=1, name="now", arguments="{"))),
    Chunk(tool_calls=(ToolCallDelta(index=1, arguments="}"),)),
    Chunk(finish_reason="tool_calls", usage=USAGE, timings=TIMINGS),
]
CALLS = [{"function": {"name": "add", "arguments": {"a": 1}}}, {"function": {"name": "now", "arguments": {}}}]
HI = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "add", "parameters": {}}}


async def chat(browser: Browser, **fields: object) -> Reply:
    return await browser.post("/api/chat", {"model": "seedling", "messages": HI, **fields})


async def generate(browser: Browser, **fields: object) -> Reply:
    return await browser.post("/api/generate", {"model": "seedling", "prompt": "Hi", **fields})


def lines_of(reply: Reply) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reply.body.decode().splitlines()]


async def test_an_answer_streams_as_lines_and_ends_with_counts() -> None:
    reply = await chat(Browser(FakeBackend(SAID)))
    assert reply.headers["content-type"] == "application/x-ndjson"
    *said, last = lines_of(reply)
    assert [line["message"] for line in said] == [
        {"role": "assistant", "content": "", "thinking": "Hm."},
        {"role": "assistant", "content": "Hel"},
        {"role": "assistant", "content": "lo"},
    ]
    assert not any(line["done"] for line in said)
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert (last["prompt_eval_count"], last["eval_count"]) == (12, 7)
    assert (last["total_duration"], last["eval_duration"]) == (504_000_000, 500_000_000)


async def test_an_answer_in_one_piece_has_the_same_fields() -> None:
    body = (await chat(Browser(FakeBackend(SAID)), stream=False)).json
    assert body["message"] == {"role": "assistant", "content": "Hello", "thinking": "Hm."}
    assert (body["done"], body["eval_count"]) == (True, 7)


async def test_generate_has_a_response_instead_of_a_message() -> None:
    body = (await generate(Browser(FakeBackend(SAID)), stream=False)).json
    assert (body["response"], body["thinking"]) == ("Hello", "Hm.")
    assert "".join(line["response"] for line in lines_of(await generate(Browser(FakeBackend(SAID))))) == "Hello"


@pytest.mark.parametrize("stream", [True, False])
async def test_calls_are_given_when_they_are_whole(stream: bool) -> None:
    reply = await chat(Browser(FakeBackend(CALLED)), tools=[TOOL], stream=stream)
    messages = [line["message"] for line in lines_of(reply)]
    assert [call for message in messages for call in message.get("tool_calls", [])] == CALLS


async def test_fields_reach_the_backend() -> None:
    browser = Browser()
    options = {"temperature": 0, "seed": 4, "num_predict": 9, "stop": ["END"], "num_ctx": 4096, "repeat_penalty": 1.1}
    schema = {"type": "object"}
    await chat(browser, options=options, format=schema, think=False, keep_alive="5m", stream=False)
    request = browser.backend.requests[0]
    assert (request.sampling.temperature, request.sampling.seed, request.sampling.repetition_penalty) == (0.0, 4, 1.1)
    assert (request.max_tokens, request.stop, request.constraint) == (9, ("END",), JsonSchema(schema=schema))
    assert isinstance(request.prompt, ChatPrompt)
    assert request.prompt.template_arguments == {"enable_thinking": False}


async def test_calls_and_results_find_their_place_in_the_conversation() -> None:
    browser = Browser()
    messages = [
        *HI,
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]},
        {"role": "tool", "content": "3", "tool_name": "add"},
    ]
    await chat(browser, messages=messages, tools=[TOOL])
    prompt = browser.backend.requests[0].prompt
    assert isinstance(prompt, ChatPrompt)
    function = {"name": "add", "arguments": '{"a": 1}'}
    assert prompt.messages[1:] == (
        Message(role="assistant", tool_calls=({"id": "call_0", "type": "function", "function": function},)),
        Message(role="tool", content="3", name="add"),
    )


@pytest.mark.parametrize(
    ("fields", "prompt"),
    [
        ({"raw": True}, TextPrompt(text="Hi")),
        ({"suffix": "!"}, InfillPrompt(prefix="Hi", suffix="!")),
        (
            {"system": "Be brief."},
            ChatPrompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="Hi"))),
        ),
    ],
)
async def test_generate_knows_gaps_raw_text_and_one_message(fields: dict[str, Any], prompt: object) -> None:
    browser = Browser()
    await generate(browser, **fields)
    assert browser.backend.requests[0].prompt == prompt


async def test_without_anything_to_answer_the_model_is_only_looked_for() -> None:
    browser = Browser()
    assert (await chat(browser, messages=[])).json["done_reason"] == "load"
    assert (await generate(browser, prompt="", model="none")).status == 404
    assert browser.backend.requests == []
    assert browser.administration.kept == [("seedling", None)]


async def test_without_anything_to_answer_a_model_can_be_let_go() -> None:
    browser = Browser()
    assert (await generate(browser, prompt="", keep_alive=0)).json["done_reason"] == "unload"
    assert (await chat(browser, messages=[], keep_alive="10m")).json["done_reason"] == "load"
    assert browser.administration.kept == [("seedling", 0.0), ("seedling", 600.0)]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        ("", None),
        (0, 0.0),
        ("0", 0.0),
        (90, 90.0),
        (1.5, 1.5),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1500ms", 1.5),
        (-1, -1.0),
        ("-1", -1.0),
        ("-5m", -1.0),
        (1e300, 1e9),
    ],
)
async def test_how_long_a_model_stays(given: object, seconds: float | None) -> None:
    browser = Browser()
    await chat(browser, keep_alive=given)
    await generate(browser, keep_alive=given)
    await browser.post("/api/embed", {"model": "seedling", "input": "a", "keep_alive": given})
    asked = [*browser.backend.requests, *browser.backend.embedded]
    assert [request.keep_loaded_seconds for request in asked] == [seconds] * 3


@pytest.mark.parametrize(("scopes", "seconds"), [(("inference",), None), (("inference", "admin"), -1.0)])
async def test_only_a_key_of_an_administrator_says_how_long_a_model_stays(
    scopes: tuple[KeyScope, ...], seconds: float | None
) -> None:
    administration = FakeAdministration()
    administration.accounts["right"] = account("laptop", KeyPolicy(scopes=scopes))
    browser = Browser(administration=administration)
    key = {"authorization": "Bearer right"}
    fields = {"model": "seedling", "keep_alive": -1, "stream": False}
    assert (await browser.post("/api/generate", {**fields, "prompt": "Hi"}, **key)).status == 200
    assert (await browser.post("/api/embed", {**fields, "input": "a"}, **key)).status == 200
    assert (await browser.post("/api/embeddings", {**fields, "prompt": "a"}, **key)).status == 200
    asked = [*browser.backend.requests, *browser.backend.embedded]
    assert [request.keep_loaded_seconds for request in asked] == [seconds] * 3

    assert (await browser.post("/api/generate", fields, **key)).json["done_reason"] == "load"
    unloading = await browser.post("/api/generate", {**fields, "keep_alive": 0}, **key)
    assert unloading.status == (403 if seconds is None else 200)
    assert administration.kept == ([] if seconds is None else [("seedling", -1.0), ("seedling", 0.0)])


@pytest.mark.parametrize("given", ["soon", "m", "nan", "5x", "inf"])
async def test_a_time_that_is_none_is_refused(given: str) -> None:
    reply = await chat(Browser(), keep_alive=given)
    assert reply.status == 400


async def test_models_have_a_tag_and_are_found_by_it() -> None:
    browser = Browser()
    tag = (await browser.get("/api/tags")).json["models"][0]
    assert tag["name"].endswith(":latest")
    assert tag["details"]["format"] == "gguf"
    shown = (await browser.post("/api/show", {"model": tag["name"]})).json
    assert "completion" in shown["capabilities"]
    assert shown["model_info"]["general.architecture"] == tag["details"]["family"]
    assert (await chat(browser, model="seedling:latest")).status == 200


@pytest.mark.parametrize("prefix", ["", "/ollama"])
async def test_clients_find_it_at_either_address(prefix: str) -> None:
    browser = Browser()
    assert b"is running" in (await browser.get(f"{prefix}/")).body
    assert (await browser.get(f"{prefix}/api/version")).json["version"]
    assert (await browser.get(f"{prefix}/api/ps")).status == 200


async def test_vectors_come_in_both_shapes() -> None:
    browser = Browser()
    body = (await browser.post("/api/embed", {"model": "seedling", "input": ["a", "b"]})).json
    assert len(body["embeddings"]) == 2
    assert (await browser.post("/api/embeddings", {"model": "seedling", "prompt": "a"})).json["embedding"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/pull"), ("DELETE", "/ollama/api/delete")])
async def test_what_changes_the_node_needs_the_administrators_token(method: str, path: str) -> None:
    browser = Browser()
    body = json.dumps({"model": "seedling"}).encode()
    assert (await browser.send(method, path, body, {})).status == 401
    assert (await browser.send(method, path, body, {"x-api-key": browser.administration.token})).status == 200


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"format": "xml"}, "format"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"model": "none"}, "none"),
    ],
)
async def test_errors_have_its_shape(fields: dict[str, Any], named: str) -> None:
    reply = await chat(Browser(), **fields)
    assert reply.status in {400, 404}
    assert named in reply.json["error"]


async def test_an_error_in_the_middle_is_a_line() -> None:
    script: list[Step] = [Chunk(text="a"), CrofterError(ErrorCode.WORKER_DIED, "it died")]
    assert lines_of(await chat(Browser(FakeBackend(script))))[-1]["error"] == "it died"


async def test_no_texts_are_no_vectors_and_took_no_time() -> None:
    reply = await Browser().post("/api/embed", {"model": "seedling", "input": []})
    assert reply.status == 200
    assert reply.json == {
        "model": "seedling",
        "embeddings": [],
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": 0,
    }
