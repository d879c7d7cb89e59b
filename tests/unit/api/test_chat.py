"""`POST /v1/chat/completions`, whole replies."""

from typing import Any

import pytest

from crofter.core import ChatPrompt, Chunk, CrofterError, ErrorCode, Grammar, JsonSchema, TokenLogprob, Usage
from tests.fakes import FakeBackend, answer
from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio


async def test_reply_has_every_key_a_client_requires() -> None:
    reply = await Browser().chat(model="seedling")

    assert reply.status == 200
    body = reply.json
    assert body["object"] == "chat.completion"
    assert body["model"] == "seedling"
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello world", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert body["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "total_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }


async def test_reply_says_where_it_ran_and_how_long_it_took() -> None:
    reply = await Browser().chat()

    extension = reply.json["crofter"]
    assert extension["provenance"]["backend"] == "fake"
    assert extension["provenance"]["readable_by"] == ["this node"]
    assert extension["timings"] == {
        "ttft_ms": 4.0,
        "tokens_per_second": 2.0,
        "queue_ms": 1.0,
        "prefill_ms": 2.0,
        "media_ms": 0.0,
    }
    assert reply.headers["x-crofter-backend"] == "fake"
    assert reply.headers["x-crofter-model"] == "seedling"


async def test_fields_reach_the_backend() -> None:
    browser = Browser()
    await browser.chat(
        temperature=0.5,
        top_k=-1,
        repeat_penalty=1.2,
        seed=-9007199254740991,
        logit_bias={"7": 5, "foo": 0},
        stop=["END", ""],
        max_tokens=9,
        max_completion_tokens=4,
        n=1,
        mirostat=2,
        chat_template_kwargs={"enable_thinking": False},
        unknown_field={"is": "ignored"},
    )

    request = browser.backend.requests[0]
    assert request.sampling.temperature == 0.5
    assert request.sampling.top_k == 0
    assert request.sampling.repetition_penalty == 1.2
    assert request.sampling.seed is not None
    assert 0 <= request.sampling.seed < 2**32
    assert request.sampling.logit_bias == {7: 5.0}
    assert request.sampling.mirostat == 2
    assert request.stop == ("END",)
    assert request.max_tokens == 4
    assert isinstance(request.prompt, ChatPrompt)
    assert request.prompt.template_arguments == {"enable_thinking": False}
    assert request.timeout_seconds == 600.0


async def test_messages_keep_their_order_and_parts_are_joined() -> None:
    browser = Browser()
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    await browser.chat(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "42", "tool_call_id": "c1"},
        ],
        tools=[{"type": "function", "function": {"name": "f"}}],
    )

    prompt = browser.backend.requests[0].prompt
    assert isinstance(prompt, ChatPrompt)
    assert [(message.role, message.content) for message in prompt.messages] == [
        ("system", "Be brief."),
        ("user", "ab"),
        ("assistant", None),
        ("tool", "42"),
    ]
    assert prompt.messages[2].tool_calls == (call,)
    assert prompt.tools == ({"type": "function", "function": {"name": "f"}},)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, JsonSchema(schema={})),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "integer"}}}},
            JsonSchema(schema={"type": "integer"}),
        ),
        ({"grammar": 'root ::= "a"'}, Grammar(gbnf='root ::= "a"')),
    ],
)
async def test_output_form_becomes_a_constraint(fields: dict[str, Any], expected: object) -> None:
    browser = Browser()
    await browser.chat(**fields)
    assert browser.backend.requests[0].constraint == expected


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"n": 0}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"foo": 1}}, "logit_bias"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_object"}, "grammar": "root ::= [a]"}, "response_format"),
        ({"lora": [{"path": "/etc/passwd"}]}, "lora"),
    ],
)
async def test_wrong_fields_are_refused_by_name(fields: dict[str, Any], parameter: str) -> None:
    browser = Browser()
    reply = await browser.chat(**fields)

    assert reply.status in {400, 404}
    assert reply.json["error"]["type"] == "invalid_request_error"
    assert reply.json["error"]["param"] == parameter
    assert browser.backend.requests == []


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"messages": "\xff"}', b'{"x":' + b"[" * 100_000, b'{"temperature": NaN}', b"\x00"],
)
async def test_garbage_is_the_callers_fault(body: bytes) -> None:
    reply = await Browser().post("/v1/chat/completions", body)
    assert reply.status == 400
    assert reply.json["error"]["code"] == "invalid_request"


async def test_missing_field_is_named() -> None:
    reply = await Browser().post("/v1/chat/completions", {"model": "seedling"})
    assert reply.status == 400
    assert reply.json["error"]["message"] == "messages: this field is missing"
    assert reply.json["error"]["param"] == "messages"


async def test_every_documented_field_is_accepted() -> None:
    reply = await Browser().chat(
        audio={"format": "aac", "voice": "alloy"},
        frequency_penalty=-2,
        function_call="none",
        functions=[{"name": "f", "parameters": {"a": 1}}],
        logit_bias={"foo": 0},
        logprobs=True,
        max_completion_tokens=0,
        metadata={"a": "b"},
        modalities=["text"],
        parallel_tool_calls=True,
        prediction={"content": "x", "type": "content"},
        presence_penalty=-2,
        reasoning_effort="none",
        response_format={"type": "text"},
        seed=None,
        service_tier="auto",
        stop=None,
        store=True,
        stream=False,
        stream_options=None,
        temperature=1,
        tool_choice={"type": "function", "function": {"name": "f"}},
        tools=[{"type": "function", "function": {"name": "f"}}],
        top_logprobs=0,
        top_p=1,
        user="u",
        web_search_options={"search_context_size": "low"},
    )
    assert reply.status == 200


async def test_unknown_model_is_404_with_openais_code() -> None:
    reply = await Browser().chat(model="nonesuch")
    assert reply.status == 404
    assert reply.json["error"]["code"] == "model_not_found"


async def test_choices_logprobs_and_reasoning_are_kept_apart() -> None:
    entry = TokenLogprob(
        token_id=1,
        token=b"\xc3",
        logprob=-0.5,
        alternatives=(TokenLogprob(token_id=2, token=b"b", logprob=-1.5),),
    )
    script = [
        Chunk(choice=1, text="second", logprobs=(entry,)),
        Chunk(choice=0, reasoning="hmm"),
        Chunk(choice=0, text="first"),
        Chunk(choice=0, finish_reason="length"),
        Chunk(choice=1, finish_reason="stop", usage=Usage(prompt_tokens=1, completion_tokens=3)),
    ]
    reply = await Browser(FakeBackend(script)).chat(n=2, logprobs=True, top_logprobs=1)

    first, second = reply.json["choices"]
    assert first["message"]["content"] == "first"
    assert first["message"]["reasoning_content"] == "hmm"
    assert first["finish_reason"] == "length"
    assert second["message"]["content"] == "second"
    assert second["logprobs"] == {
        "content": [
            {
                "token": "\ufffd",
                "logprob": -0.5,
                "bytes": [195],
                "top_logprobs": [{"token": "b", "logprob": -1.5, "bytes": [98]}],
            }
        ],
        "refusal": None,
    }


async def test_answer_that_breaks_off_is_an_error_not_a_short_answer() -> None:
    reply = await Browser(FakeBackend([Chunk(text="half")])).chat()
    assert reply.status == 500
    assert reply.json["error"]["code"] == "worker_failed"


async def test_overload_says_when_to_come_back() -> None:
    error = CrofterError(ErrorCode.OVERLOADED, "full", retry_after_seconds=2.2)
    reply = await Browser(FakeBackend([error])).chat()
    assert reply.status == 503
    assert reply.headers["retry-after"] == "3"


async def test_route_answers_without_v1_too() -> None:
    reply = await Browser(FakeBackend(answer("x"))).post(
        "/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}
    )
    assert reply.status == 200


@pytest.mark.parametrize("radius", ["local", "trusted", "public"])
async def test_a_request_says_how_far_it_may_travel(radius: str) -> None:
    reply = await Browser().post(
        "/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}, **{"x-crofter-radius": radius}
    )
    assert reply.status == 200
    assert reply.json["crofter"]["provenance"]["radius"] == "local"


async def test_a_radius_that_is_none_is_refused_by_name() -> None:
    reply = await Browser().post(
        "/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}, **{"x-crofter-radius": "galaxy"}
    )
    assert reply.status == 400
    assert reply.json["error"]["param"] == "x-crofter-radius"
