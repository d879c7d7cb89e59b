"""Answers that Anthropic, OpenAI and Groq really gave, as recorded in the tests of LangChain's packages.

Each is read by the provider's own client and by ours, whole and in pieces, and both have to make the same of it.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import httpx2
import msgspec
import openai
import pytest
import yaml
from openai.lib.streaming.chat import ChatCompletionStreamState

from crofter.core import FinishReason, Usage
from tests.conformance.environment import Environment
from tests.unit.providers.reading import Told, chunks_of, reader_of, told

AT_LEAST = {"anthropic": 20, "groq": 2, "openai": 3}
FINISH_REASONS: dict[str, FinishReason] = {"end_turn": "stop", "tool_use": "tool_calls"}


class Recording(NamedTuple):
    name: str
    content: bytes


def recordings(source: Path, mark: bytes) -> Iterator[Recording]:
    """The streams with this mark in them, of all cassettes of a package. A cassette lists requests and responses, as vcrpy writes them."""
    for path in sorted((source / "tests" / "cassettes").glob("*.yaml.gz")):
        cassette = yaml.load(gzip.decompress(path.read_bytes()), yaml.CSafeLoader)
        responses = cassette.get("responses") or [each["response"] for each in cassette["interactions"]]
        for number, response in enumerate(responses):
            body = response["body"]["string"]
            content = body.encode() if isinstance(body, str) else body
            if mark in content and content.lstrip().startswith((b"data: ", b"event: ")):
                yield Recording(f"{path.name} {number}", content)


def test_anthropics_own_client_makes_the_same_of_its_answers(environment: Environment) -> None:
    compare(environment, "anthropic", b"message_start", by_anthropic)


@pytest.mark.parametrize("provider", ["openai", "groq"])
def test_openais_own_client_makes_the_same_of_answers_in_its_dialect(provider: str, environment: Environment) -> None:
    compare(environment, provider, b"chat.completion.chunk", by_openai)


def compare(environment: Environment, provider: str, mark: bytes, read: Any) -> None:  # noqa: ANN401 - one of the two below
    """Each recording of a provider, by its own client and by our reader."""
    found = list(recordings(environment.source(f"langchain_{provider}"), mark))
    assert len(found) >= AT_LEAST[provider]
    for recording in found:
        expected = read(recording.content)
        for piece_bytes in (1 << 20, 1000, 7):
            ours = told(chunks_of(reader_of(provider), recording.content, piece_bytes))
            calls = tuple((name, json.dumps(json.loads(arguments or "{}"))) for name, arguments in ours.calls)
            assert msgspec.structs.replace(ours, calls=calls) == expected, recording.name


def by_anthropic(content: bytes) -> Told:
    """What their client makes of a stream. Calls of tools that run at Anthropic's are no business of ours."""
    answer = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=content)
    )
    client = anthropic.Anthropic(api_key="none", http_client=httpx2.Client(transport=answer))
    asked: Any = [{"role": "user", "content": "x"}]
    with client.beta.messages.stream(model="x", max_tokens=1, messages=asked) as stream:
        message = stream.get_final_message()
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    return Told(
        text="".join(block.text for block in message.content if block.type == "text"),
        reasoning="".join(block.thinking for block in message.content if block.type == "thinking"),
        calls=tuple((block.name, json.dumps(block.input)) for block in message.content if block.type == "tool_use"),
        reason=FINISH_REASONS[str(message.stop_reason)],
        usage=Usage(
            prompt_tokens=usage.input_tokens + (usage.cache_creation_input_tokens or 0) + cached,
            completion_tokens=usage.output_tokens,
            cached_tokens=cached,
        ),
    )


def by_openai(content: bytes) -> Told:
    """What their client makes of a stream; Groq's place for usage and its word for thinking are its own."""
    answer = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=content)
    )
    client = openai.OpenAI(api_key="none", http_client=httpx2.Client(transport=answer))
    asked: Any = [{"role": "user", "content": "x"}]
    state: Any = ChatCompletionStreamState()
    reasoning, groq_usage = "", None
    for chunk in client.chat.completions.create(model="x", messages=asked, stream=True):
        state.handle_chunk(chunk)
        groq_usage = ((chunk.model_extra or {}).get("x_groq") or {}).get("usage") or groq_usage
        for choice in chunk.choices:
            reasoning += (choice.delta.model_extra or {}).get("reasoning") or ""
    completion = state.get_final_completion()
    message = completion.choices[0].message
    usage: Any = completion.usage.model_dump() if completion.usage else groq_usage
    return Told(
        text=message.content or "",
        reasoning=reasoning,
        calls=tuple(
            (call.function.name, json.dumps(json.loads(call.function.arguments))) for call in message.tool_calls or ()
        ),
        # OpenAI says "stop" for a call that was demanded by name; here an answer with calls ends with "tool_calls".
        reason="tool_calls" if message.tool_calls else completion.choices[0].finish_reason,
        usage=Usage(
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
            cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
            reasoning_tokens=(usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0,
        ),
    )
