"""`POST /infill`."""

import json

import msgspec
import pytest

from crofter.api.llama.lines import LineLimits
from crofter.core import Chunk, ContextFile, InfillPrompt, Timings, Usage
from tests.fakes import FakeBackend
from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio

SUFFIX = "\nprint(add(1, 2))\n"
VIM: dict[str, object] = {
    "input_prefix": "def add(a, b):\n",
    "input_suffix": SUFFIX,
    "input_extra": [{"text": "x = 1", "filename": "x.py", "time": 5}],
    "prompt": "    re",
    "n_predict": 64,
    "stop": [],
    "n_indent": 4,
    "top_k": 40,
    "top_p": 0.9,
    "stream": False,
    "samplers": ["top_k", "top_p", "infill"],
    "cache_prompt": True,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 1000,
    "lora": [{"id": 0, "scale": 0.5}],
}
"""What llama.vim and llama.vscode send."""


def writing(*texts: str, reason: str = "stop") -> FakeBackend:
    told = Usage(prompt_tokens=30, completion_tokens=0, cached_tokens=10)
    chunks = [Chunk(text=text, token_ids=(index,)) for index, text in enumerate(texts)]
    chunks[0] = msgspec.structs.replace(chunks[0], prompt_usage=told)
    timings = Timings(queue_seconds=0.0, prefill_seconds=0.02, first_token_seconds=0.02, decode_seconds=0.5)
    usage = msgspec.structs.replace(told, completion_tokens=len(texts))
    return FakeBackend([*chunks, Chunk(finish_reason=reason, usage=usage, timings=timings)])  # pyright: ignore[reportArgumentType]


async def test_what_the_editors_send_is_understood() -> None:
    browser = Browser(writing("turn a", " + b"))
    reply = await browser.post("/infill", VIM)
    request = browser.backend.requests[0]
    assert request.prompt == InfillPrompt(
        prefix="def add(a, b):\n    re",
        suffix=SUFFIX,
        context=(ContextFile(name="x.py", text="x = 1"),),
    )
    sampling = request.sampling
    assert (request.max_tokens, request.shortens_to_fit, request.adapters) == (64, True, ())
    assert (sampling.top_k, sampling.top_p, sampling.favours_ending) == (40, 0.9, True)
    # What is not among the samplers does nothing.
    assert (sampling.temperature, sampling.min_p, sampling.typical_p) == (1.0, 0.0, 1.0)
    assert reply.json["content"] == "turn a + b"


async def test_the_reply_tells_how_it_went() -> None:
    reply = (await Browser(writing("a", "b")).post("/infill", VIM)).json
    assert (reply["stop"], reply["stop_type"], reply["truncated"]) == (True, "eos", False)
    assert (reply["tokens_predicted"], reply["tokens_evaluated"], reply["tokens_cached"]) == (2, 30, 32)
    assert reply["timings"] == {
        "cache_n": 10,
        "prompt_n": 20,
        "prompt_ms": 20.0,
        "prompt_per_token_ms": 1.0,
        "prompt_per_second": 1000.0,
        "predicted_n": 2,
        "predicted_ms": 500.0,
        "predicted_per_token_ms": 250.0,
        "predicted_per_second": 4.0,
    }


async def test_only_the_fields_that_were_asked_for() -> None:
    fields = ["content", "timings/prompt_n", "truncated", "timings/nothing", "nothing"]
    reply = await Browser(writing("a")).post("/infill", VIM | {"response_fields": fields})
    assert reply.json == {"content": "a", "timings/prompt_n": 20, "truncated": False}


async def test_a_full_context_is_said() -> None:
    assert (await Browser(writing("a", reason="length")).post("/infill", VIM)).json["truncated"] is True
    assert (await Browser(writing("a", reason="length")).post("/infill", VIM | {"n_predict": 1})).json[
        "truncated"
    ] is False


async def test_a_line_that_leaves_the_block_ends_it_and_frees_the_engine() -> None:
    backend = writing("turn a\n", "    + b", "\n", "def", " more", "wait")
    reply = (await Browser(backend).post("/infill", VIM)).json
    assert reply["content"] == "turn a\n    + b"
    assert (reply["stop_type"], reply["timings"]["prompt_n"]) == ("limit", 20)
    assert backend.closed.is_set()


async def test_a_stream_ends_with_how_it_went() -> None:
    reply = await Browser(writing("a", "b")).post("/v1/infill", VIM | {"stream": True})
    events = [json.loads(line.removeprefix("data: ")) for line in reply.body.decode().split("\n\n") if line]
    assert "".join(event["content"] for event in events) == "ab"
    assert [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["tokens_predicted"] == 2


async def test_a_prompt_can_be_read_for_later() -> None:
    browser = Browser(writing("a", reason="length"))
    reply = (await browser.post("/infill", {"input_extra": [{"text": "x"}], "n_predict": 0, "samplers": []})).json
    assert browser.backend.requests[0].max_tokens == 1
    assert (reply["content"], reply["tokens_predicted"], reply["truncated"]) == ("", 0, False)


@pytest.mark.parametrize(
    ("text", "indent", "expected"),
    [
        ("one", 4, "one"),
        ("a\n    b\nc", 4, "a\n    b"),
        ("a\n\n\tb\n\nc", 1, "a\n\n\tb\n"),
        ("a\nb", 0, "a\nb"),
        ("a\n   ", 4, "a\n   "),
    ],
)
def test_lines_end_where_the_block_does_however_the_text_is_cut(text: str, indent: int, expected: str) -> None:
    for size in range(1, len(text) + 1):
        limits = LineLimits(indent, 0)
        shown = ""
        for start in range(0, len(text), size):
            if not limits.ended:
                shown += limits.push(text[start : start + size], 9e9)
        assert shown + limits.finish() == expected


def test_when_time_is_up_the_line_is_the_last() -> None:
    limits = LineLimits(0, 1.0)
    assert limits.push("a\nb", 0.5) == "a\nb"
    assert limits.push("c", 2.0) == "c"
    assert not limits.ended
    assert limits.push("d\ne", 2.1) == "d"
    assert limits.ended
    assert limits.finish() == ""
