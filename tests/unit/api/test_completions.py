"""`POST /v1/completions`: prompts of every kind, fill-in-the-middle, several prompts in one reply."""

from typing import Any

import pytest

from crofter.core import (
    Chunk,
    CrofterError,
    ErrorCode,
    InfillPrompt,
    TextPrompt,
    TokenLogprob,
    TokenPrompt,
    Usage,
)
from tests.fakes import FakeBackend, Step, answer
from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio


async def complete(browser: Browser, **fields: object) -> Reply:
    return await browser.post("/v1/completions", fields)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("text", [TextPrompt(text="text")]),
        ("", [TextPrompt(text="")]),
        (["a", "b"], [TextPrompt(text="a"), TextPrompt(text="b")]),
        ([1, 2], [TokenPrompt(tokens=(1, 2))]),
        ([[1], [2, 3]], [TokenPrompt(tokens=(1,)), TokenPrompt(tokens=(2, 3))]),
    ],
)
async def test_every_kind_of_prompt_is_understood(prompt: object, expected: list[object]) -> None:
    browser = Browser()
    reply = await complete(browser, prompt=prompt)
    assert reply.status == 200
    assert [request.prompt for request in browser.backend.requests] == expected
    assert len(reply.json["choices"]) == len(expected)


@pytest.mark.parametrize("prompt", [[], [[]], ["a", 1], [-1], [2**31], {"a": 1}, None, 5])
async def test_other_prompts_are_refused(prompt: object) -> None:
    reply = await complete(Browser(), prompt=prompt)
    assert reply.status == 400
    assert reply.json["error"]["param"].startswith("prompt")


async def test_suffix_asks_the_model_to_fill_in_the_middle() -> None:
    browser = Browser()
    await complete(browser, prompt="def f():", suffix="return x", echo=True)
    assert browser.backend.requests[0].prompt == InfillPrompt(prefix="def f():", suffix="return x")
    assert browser.backend.requests[0].echo


@pytest.mark.parametrize(("fields", "status"), [({"best_of": 1}, 200), ({"best_of": 0}, 200), ({"best_of": 3}, 400)])
async def test_best_of_is_refused_where_it_would_matter(fields: dict[str, Any], status: int) -> None:
    assert (await complete(Browser(), prompt="x", **fields)).status == status


async def test_reply_has_the_older_shape_and_sums_up_all_prompts() -> None:
    browser = Browser(FakeBackend(answer("one"), answer("two", "!")))
    body = (await complete(browser, prompt=["a", "b"])).json

    assert body["object"] == "text_completion"
    assert [(choice["index"], choice["text"]) for choice in body["choices"]] == [(0, "one"), (1, "two!")]
    assert body["usage"]["prompt_tokens"] == 10
    assert body["usage"]["completion_tokens"] == 3
    assert body["crofter"]["provenance"]["backend"] == "fake"


async def test_logprobs_have_tokens_and_offsets() -> None:
    entries = [TokenLogprob(token_id=index, token=token, logprob=-1.0) for index, token in enumerate((b"He", b"y\xc3"))]
    script: list[Step] = [
        Chunk(text="He", logprobs=(entries[0],)),
        Chunk(text="y", logprobs=(entries[1],)),
        Chunk(finish_reason="stop", usage=Usage(prompt_tokens=1, completion_tokens=2)),
    ]
    body = (await complete(Browser(FakeBackend(script)), prompt="x", logprobs=0)).json
    assert body["choices"][0]["logprobs"] == {
        "tokens": ["He", "bytes:\\x79\\xc3"],
        "token_logprobs": [-1.0, -1.0],
        "top_logprobs": [{}, {}],
        "text_offset": [0, 2],
    }


@pytest.mark.parametrize("script", [("The ", "dog"), ("The dog",)])
async def test_offsets_count_the_echoed_prompt(script: tuple[str, ...]) -> None:
    entry = TokenLogprob(token_id=1, token=b"dog", logprob=-1.0)
    *prompt, last = script
    steps: list[Step] = [
        *(Chunk(text=text) for text in prompt),
        Chunk(text=last, logprobs=(entry,)),
        Chunk(finish_reason="stop", usage=Usage(prompt_tokens=1, completion_tokens=1)),
    ]
    body = (await complete(Browser(FakeBackend(steps)), prompt="The ", echo=True, logprobs=0)).json
    assert body["choices"][0]["logprobs"]["text_offset"] == [4]


async def test_stream_interleaves_prompts_under_their_own_index() -> None:
    browser = Browser(FakeBackend(answer("one"), answer("two")))
    reply = await complete(browser, prompt=["a", "b"], stream=True, stream_options={"include_usage": True})

    *pieces, last = reply.events
    for index, text in ((0, "one"), (1, "two")):
        mine = [event["choices"][0] for event in pieces if event["choices"][0]["index"] == index]
        assert [(choice["text"], choice["finish_reason"]) for choice in mine] == [(text, None), ("", "stop")]
    assert all(event["usage"] is None for event in pieces)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 12
    assert reply.done


async def test_stream_without_usage_says_where_it_ran_with_the_last_choice() -> None:
    reply = await complete(Browser(FakeBackend(answer("one"))), prompt="a", stream=True)
    assert [len(event["choices"]) for event in reply.events] == [1, 1]
    assert "crofter" not in reply.events[0]
    assert reply.events[1]["crofter"]["provenance"]["backend"] == "fake"
    assert reply.done


@pytest.mark.parametrize("stream", [True, False])
async def test_one_failing_prompt_ends_the_others(stream: bool) -> None:
    backend = FakeBackend(["wait"], [CrofterError(ErrorCode.OVERLOADED, "full")])
    browser = Browser(backend)
    reply = await complete(browser, prompt=["a", "b"], stream=stream)
    assert reply.status == 503
    assert browser.router.active_count == 0
