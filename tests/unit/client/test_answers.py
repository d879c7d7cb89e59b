"""A streamed answer read line by line."""

from typing import Any

import msgspec
import pytest

from crofter.client import Delta, ReplyReader
from crofter.core import CrofterError, ErrorCode, Usage


def event(**fields: Any) -> bytes:  # noqa: ANN401 - what an event may hold
    return b"data: " + msgspec.json.encode({"id": "x", "model": "m", "choices": [], **fields})


def delta(**fields: Any) -> bytes:  # noqa: ANN401 - what a delta may hold
    return event(choices=[{"index": 0, "delta": fields, "finish_reason": None}])


def called(**fields: Any) -> bytes:  # noqa: ANN401 - what a call may hold
    return delta(tool_calls=[{"index": 0, **fields}])


END = event(
    usage={"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
    crofter={"provenance": {"backend": "b", "model_id": "ab", "model_name": "m"}, "timings": {"ttft_ms": 5.0}},
)


def test_pieces_become_a_reply_with_its_figures() -> None:
    reader = ReplyReader()
    lines = [b": ping", delta(role="assistant", content=""), delta(reasoning_content="hm"), delta(content="Hel")]
    found = [reader.feed(line) for line in [*lines, delta(content="lo")]]
    assert found == [None, None, Delta(reasoning="hm"), Delta(text="Hel"), Delta(text="lo")]
    reader.feed(event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    reader.feed(END)
    with pytest.raises(CrofterError, match="broke off"):
        reader.require_complete()
    reader.feed(b"data: [DONE]")
    reader.require_complete()
    reply = reader.reply()
    assert (reply.text, reply.reasoning, reply.model, reply.finish_reason) == ("Hello", "hm", "m", "stop")
    assert reply.usage == Usage(prompt_tokens=3, completion_tokens=2, cached_tokens=1)
    assert reply.timings is not None
    assert reply.timings.ttft_ms == 5.0
    assert reply.provenance is not None
    assert reply.provenance.readable_by == ("this node",)


def test_calls_grow_and_go_back_as_a_message() -> None:
    reader = ReplyReader()
    reader.feed(called(id="call_1", type="function", function={"name": "add", "arguments": ""}))
    step = reader.feed(called(function={"arguments": '{"a": 1'}))
    assert step is not None
    assert step.tool_calls[0].arguments == '{"a": 1'
    reader.feed(called(function={"arguments": "}"}))
    reply = reader.reply()
    [call] = reply.tool_calls
    assert (call.id, call.name, call.parsed()) == ("call_1", "add", {"a": 1})
    function = {"name": "add", "arguments": '{"a": 1}'}
    assert reply.message()["tool_calls"] == [{"id": "call_1", "type": "function", "function": function}]


def test_an_error_in_the_stream_is_raised() -> None:
    with pytest.raises(CrofterError) as raised:
        ReplyReader().feed(b'data: {"error":{"message":"gone","type":"server_error","code":"worker_died"}}')
    assert raised.value.code is ErrorCode.WORKER_DIED
