"""Streams as providers send them become the same chunks, however the bytes come."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode, Usage
from crofter.providers.dialect import MalformedAnswerError
from crofter.providers.sse import EventReader
from tests.unit.providers.reading import Told, chunks_of, reader_of, told

RECORDED = Path(__file__).parent / "recorded"
EXPECTED = {
    "openai_tools": Told(
        calls=(("get_weather", '{"city":"Köln"}'), ("get_time", "{}")),
        reason="tool_calls",
        usage=Usage(prompt_tokens=1207, completion_tokens=113, cached_tokens=1152, reasoning_tokens=64),
    ),
    "anthropic_thinking_tool": Told(
        "Okay, let's check.",
        "The user wants the weather in Köln.",
        (("get_weather", '{"city": "Köln"}'),),
        "tool_calls",
        Usage(prompt_tokens=600, completion_tokens=89, cached_tokens=28),
    ),
    "anthropic_stop_sequence": Told(
        "one, two", reason="stop", usage=Usage(prompt_tokens=2052, completion_tokens=6, cached_tokens=2048)
    ),
    "deepseek_reasoning": Told(
        "Odd.",
        "Nine is odd.",
        (),
        "stop",
        Usage(prompt_tokens=17, completion_tokens=9, cached_tokens=12, reasoning_tokens=5),
    ),
    "groq_usage": Told("Hi!", "Short.", (), "stop", Usage(prompt_tokens=72, completion_tokens=21)),
    "mistral_tool": Told(
        calls=(("get_weather", '{"city": "Paris"}'),),
        reason="tool_calls",
        usage=Usage(prompt_tokens=94, completion_tokens=22),
    ),
    "mistral_thinking": Told("Four.", "Let me see.", (), "stop", Usage(prompt_tokens=11, completion_tokens=19)),
    "moonshot_usage": Told(
        "Ni hao", reason="stop", usage=Usage(prompt_tokens=19, completion_tokens=13, cached_tokens=16)
    ),
    "ollama_tool": Told(
        "",
        "A tool.",
        (("get_weather", '{"city":"Oslo"}'), ("get_weather", '{"city":"Rome"}')),
        "tool_calls",
        Usage(prompt_tokens=141, completion_tokens=52),
    ),
    "plain_without_usage": Told("Just text", reason="stop"),
    "completion": Told(" upon a time", reason="length", usage=Usage(prompt_tokens=1, completion_tokens=3)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_answer_is_understood(name: str) -> None:
    content = (RECORDED / f"{name}.sse").read_bytes()
    assert told(chunks_of(reader_of(name), content)) == EXPECTED[name]


@given(
    name=st.sampled_from(list(EXPECTED)), piece_bytes=st.integers(1, 400), ends=st.sampled_from([b"\n", b"\r\n", b"\r"])
)
def test_neither_pieces_nor_line_ends_change_an_answer(name: str, piece_bytes: int, ends: bytes) -> None:
    content = (RECORDED / f"{name}.sse").read_bytes().replace(b"\n", ends) + b":"
    assert told(chunks_of(reader_of(name), content, piece_bytes)) == EXPECTED[name]


def test_all_recorded_answers_are_tried() -> None:
    assert {path.stem for path in RECORDED.glob("*.sse")} == {*EXPECTED, "openai_choices"}


def test_choices_and_logprobs_are_kept_apart() -> None:
    chunks = chunks_of(reader_of("openai", 2), (RECORDED / "openai_choices.sse").read_bytes())
    assert told(chunks).text == "Hé"
    assert told(chunks, choice=1).text == "Yo"
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["length", "stop"]
    logprobs = [entry for chunk in chunks for entry in chunk.logprobs]
    assert b"".join(entry.token for entry in logprobs) == "Hé".encode()
    assert logprobs[0].alternatives[0].token == b"Hi"
    assert chunks[-1].usage == Usage(prompt_tokens=9, completion_tokens=4)


def test_the_prompt_is_counted_at_the_start_where_that_is_told() -> None:
    chunks = chunks_of(reader_of("anthropic"), (RECORDED / "anthropic_stop_sequence.sse").read_bytes())
    assert chunks[0].prompt_usage == Usage(prompt_tokens=2052, completion_tokens=0, cached_tokens=2048)
    assert chunks[-1].stop_string == ", three"


def test_a_call_may_come_whole_in_its_first_event() -> None:
    reader = reader_of("anthropic")
    block = b'{"type":"tool_use","id":"x","name":"get_weather","input":{"city":"Oslo"}}'
    [chunk] = reader.take(b'{"type":"content_block_start","index":0,"content_block":' + block + b"}")
    assert chunk.tool_calls[0].arguments == '{"city":"Oslo"}'


@pytest.mark.parametrize("name", EXPECTED)
def test_an_answer_without_its_end_is_not_finished(name: str) -> None:
    events, reader = EventReader(), reader_of(name)
    data = list(events.feed((RECORDED / f"{name}.sse").read_bytes()))
    for event in data[:1]:
        assert list(reader.take(event)) is not None
    assert reader.finish() is None


@pytest.mark.parametrize(
    ("name", "event", "code"),
    [
        ("openai", b'{"error":{"message":"boom"}}', ErrorCode.PROVIDER_FAILED),
        ("openai", b'{"x_groq":{"error":"boom"}}', ErrorCode.PROVIDER_FAILED),
        ("openai", b'{"choices":[{"delta":{},"finish_reason":"content_filter"}]}', ErrorCode.PROVIDER_REFUSED),
        ("anthropic", b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', ErrorCode.PROVIDER_FAILED),
        ("anthropic", b'{"type":"message_delta","delta":{"stop_reason":"refusal"}}', ErrorCode.PROVIDER_REFUSED),
    ],
)
def test_an_answer_that_breaks_off_is_an_error(name: str, event: bytes, code: ErrorCode) -> None:
    with pytest.raises(CrofterError) as caught:
        list(reader_of(name).take(event))
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("openai", b"no json"),
        ("openai", b'{"choices":[{"index":7,"delta":{"content":"x"}}]}'),
        ("openai", b'{"choices":[{"index":-1,"delta":{"content":"x"}}]}'),
        ("openai", b'{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}'),
        ("openai", b'{"choices":[{"delta":{},"logprobs":{"content":[{"token":"a","logprob":0,"bytes":[999]}]}}]}'),
        ("openai", b'{"choices":' + b"[" * 100_000),
        ("anthropic", b'{"type":"content_block_start","content_block":{"type":"tool_use","id":"x"}}'),
    ],
)
def test_nonsense_is_called_so(name: str, event: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, MalformedAnswerError, RecursionError)):
        list(reader_of(name).take(event))
