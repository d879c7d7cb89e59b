"""Streamed chat completions: the order of events, errors before and after the first byte, and clients that leave."""

from collections.abc import AsyncGenerator

import anyio
import msgspec
import pytest

from crofter.api import ApiSettings
from crofter.core import Chunk, CrofterError, ErrorCode, TokenLogprob, Usage
from tests.fakes import FakeBackend, Step, answer
from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio

BODY = msgspec.json.encode({"messages": [{"role": "user", "content": "Hi"}], "stream": True})


async def test_events_come_in_the_order_clients_expect() -> None:
    reply = await Browser(FakeBackend(answer("Hel", 'lo "you"\n'))).chat(stream=True)

    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    deltas = [event["choices"][0]["delta"] for event in reply.events]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": 'lo "you"\n'}, {}]
    assert [event["choices"][0]["finish_reason"] for event in reply.events] == [None, None, None, "stop"]
    assert len({(event["id"], event["created"], event["model"], event["object"]) for event in reply.events}) == 1
    assert all("usage" not in event for event in reply.events)
    assert reply.events[-1]["crofter"]["provenance"]["backend"] == "fake"
    assert reply.done


async def test_usage_is_null_until_an_event_of_its_own() -> None:
    reply = await Browser().chat(stream=True, stream_options={"include_usage": True})

    *earlier, last = reply.events
    assert all(event["usage"] is None for event in earlier)
    assert all("crofter" not in event for event in earlier)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 7
    assert last["crofter"]["timings"]["ttft_ms"] == 4.0
    assert reply.done


async def test_reasoning_and_logprobs_have_their_places() -> None:
    entry = TokenLogprob(token_id=1, token=b"a", logprob=-0.25)
    script: list[Step] = [
        Chunk(reasoning="hmm"),
        Chunk(text="a", logprobs=(entry,)),
        Chunk(finish_reason="length", usage=Usage(prompt_tokens=1, completion_tokens=2)),
    ]
    reply = await Browser(FakeBackend(script)).chat(stream=True, logprobs=True)

    choices = [event["choices"][0] for event in reply.events]
    assert choices[1]["delta"] == {"reasoning_content": "hmm"}
    assert choices[2]["delta"] == {"content": "a"}
    assert choices[2]["logprobs"]["content"][0]["logprob"] == -0.25
    assert choices[3]["finish_reason"] == "length"


async def test_choices_are_told_apart_and_each_opens_with_its_role() -> None:
    script: list[Step] = [*answer("a", choice=0, last=False), *answer("b", choice=1)]
    reply = await Browser(FakeBackend(script)).chat(stream=True, n=2)

    for index, text in ((0, "a"), (1, "b")):
        mine = [event["choices"][0] for event in reply.events if event["choices"][0]["index"] == index]
        assert [choice["delta"] for choice in mine] == [{"role": "assistant", "content": ""}, {"content": text}, {}]


async def test_error_before_the_first_token_is_a_status() -> None:
    error = CrofterError(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "too long: 600 of 512 tokens")
    reply = await Browser(FakeBackend([error])).chat(stream=True)

    assert reply.status == 400
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["error"]["code"] == "context_length_exceeded"


async def test_error_after_the_first_token_is_an_event_and_no_done() -> None:
    script: list[Step] = [Chunk(text="half"), CrofterError(ErrorCode.WORKER_DIED, "the worker died; try again")]
    reply = await Browser(FakeBackend(script)).chat(stream=True)

    assert reply.events[-1]["error"]["code"] == "worker_died"
    assert reply.events[-2]["choices"][0]["delta"] == {"content": "half"}
    assert reply.complete
    assert not reply.done


@pytest.mark.parametrize("script", [["wait"], [Chunk(text="x"), "wait"]])
@pytest.mark.parametrize("stream", [True, False])
async def test_client_that_leaves_frees_its_generation(script: list[Step], stream: bool) -> None:
    backend = FakeBackend(script)
    browser = Browser(backend)
    body = msgspec.json.encode({"messages": [{"role": "user", "content": "Hi"}], "stream": stream})
    await browser.send("POST", "/v1/chat/completions", body, {}, hang_up=backend.waiting)

    assert backend.closed.is_set()
    assert browser.router.active_count == 0


async def test_waiting_stream_shows_signs_of_life() -> None:
    backend = FakeBackend(["wait"])
    browser = Browser(backend, settings=ApiSettings(keep_alive_seconds=0.001))
    pinged = anyio.Event()

    def on_piece(piece: bytes) -> None:
        if piece == b": ping\n\n":
            pinged.set()

    reply = await browser.send("POST", "/v1/chat/completions", BODY, {}, hang_up=pinged, on_piece=on_piece)
    assert reply.status == 200
    assert backend.closed.is_set()


async def test_request_that_takes_too_long_ends_with_timed_out() -> None:
    backend = FakeBackend(["wait"])
    reply = await Browser(backend, settings=ApiSettings(request_timeout_seconds=0.001)).chat(stream=True)
    assert reply.status == 504
    assert reply.json["error"]["code"] == "timed_out"
    assert backend.closed.is_set()


async def test_long_answers_pass_a_slow_client_whole() -> None:
    reply = await Browser(FakeBackend(answer(*[str(number) for number in range(2_000)]))).chat(stream=True)
    texts = [event["choices"][0]["delta"].get("content", "") for event in reply.events]
    assert "".join(texts) == "".join(str(number) for number in range(2_000))


async def test_bug_inside_a_stream_shows_no_traceback() -> None:
    class Broken(FakeBackend):
        async def generate(self, model: object, request: object) -> AsyncGenerator[Chunk]:
            yield Chunk(text="x")
            raise RuntimeError("secret detail")

    reply = await Browser(Broken()).chat(stream=True)
    assert reply.events[-1]["error"]["code"] == "internal"
    assert b"secret detail" not in reply.body
