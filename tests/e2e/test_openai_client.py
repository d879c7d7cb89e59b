"""The openai package, as a program would use it, against a running node and the model in the box."""

import base64
import json
import os
import signal
from typing import Any

import numpy as np
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.e2e.commands import Commands

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Tell me a short story about a dog."}]


@pytest.fixture
def client(crofter: Commands) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{crofter.running()['url']}/v1", api_key="any", max_retries=0)


def test_a_chat_answers_with_usage_and_where_it_ran(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="seedling", messages=HELLO, seed=3)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model_extra is not None
    assert answer.model_extra["crofter"]["provenance"]["ran_on"] == ["this node"]


def test_a_stream_gives_the_text_of_the_whole_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="seedling", messages=HELLO, seed=3)
    stream = client.chat.completions.create(
        model="seedling", messages=HELLO, seed=3, stream=True, stream_options={"include_usage": True}
    )
    events = list(stream)
    text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    assert text == whole.choices[0].message.content
    assert events[-1].usage is not None
    assert events[-1].usage.completion_tokens == whole.usage.completion_tokens  # pyright: ignore[reportOptionalMemberAccess]


def test_several_choices_logprobs_and_stop(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="seedling", messages=HELLO, n=3, logprobs=True, top_logprobs=2, stop=["."], seed=1, temperature=1.0
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    for choice in answer.choices:
        assert "." not in (choice.message.content or "")
        assert choice.logprobs is not None
        assert choice.logprobs.content
        assert len(choice.logprobs.content[0].top_logprobs) == 2


def test_json_follows_its_schema(client: openai.OpenAI) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "age": {"type": "integer", "minimum": 0, "maximum": 99},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model="seedling",
        messages=HELLO,
        seed=5,
        response_format={"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": schema}},
    )
    value = json.loads(answer.choices[0].message.content or "")
    assert set(value) == {"name", "age"}
    assert 0 <= value["age"] <= 99


def test_completions_fill_in_the_middle(client: openai.OpenAI) -> None:
    answer = client.completions.create(
        model="seedling", prompt="def add(a, b):\n", suffix="\n    return result\n", max_tokens=16, temperature=0
    )
    assert answer.choices[0].text


def test_tokens_of_a_text_are_counted_and_turned_back(client: openai.OpenAI) -> None:
    text = "The dog s\u00e5w a \U0001f411 in the village."
    tokens = client.post("/tokenize", cast_to=dict[str, list[int]], body={"content": text})["tokens"]
    assert client.post("/detokenize", cast_to=dict[str, str], body={"tokens": tokens})["content"] == text
    answer = client.completions.create(model="seedling", prompt=tokens, max_tokens=1)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == len(tokens)


def test_embeddings_are_the_same_in_both_encodings(client: openai.OpenAI) -> None:
    floats = client.embeddings.create(model="seedling", input=["a sheep"], encoding_format="float").data[0].embedding
    encoded = client.embeddings.create(model="seedling", input=["a sheep"], encoding_format="base64").data[0].embedding
    assert isinstance(encoded, str)
    assert np.allclose(np.frombuffer(base64.b64decode(encoded), "<f4"), floats)
    assert np.linalg.norm(floats) == pytest.approx(1.0, abs=1e-4)


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    assert "seedling" in [model.id for model in client.models.list()]
    assert client.models.retrieve("seedling").id == "seedling"


def test_errors_have_their_types_and_codes(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nobody", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as long:
        client.completions.create(model="seedling", prompt="word " * 5000)
    assert long.value.code == "context_length_exceeded"


def test_a_worker_killed_in_mid_answer_ends_the_stream_with_an_error(client: openai.OpenAI, crofter: Commands) -> None:
    client.completions.create(model="seedling", prompt="Hello", max_tokens=1)
    process_id = crofter.json("ps")[0]["process_id"]
    stream = client.completions.create(
        model="seedling",
        prompt="Once upon a time",
        max_tokens=900,
        stream=True,
        logit_bias={"0": -100, "1": -100, "2": -100},
    )
    next(stream)
    os.kill(process_id, signal.SIGKILL)
    with pytest.raises(openai.APIError) as died:
        list(stream)
    assert died.value.code == "worker_died"
    assert client.completions.create(model="seedling", prompt="Hello", max_tokens=4, seed=1).choices[0].text


def test_responses_tell_how_likely_their_tokens_were(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "seedling",
        "input": "Who are you?",
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 2,
        "max_output_tokens": 12,
        "temperature": 0,
    }
    whole = client.responses.create(**asked).output[0].content[0]
    assert "".join(token.token for token in whole.logprobs) == whole.text
    assert all(token.logprob == token.top_logprobs[0].logprob for token in whole.logprobs)
    assert {len(token.top_logprobs) for token in whole.logprobs} == {2}

    events = list(client.responses.create(**asked, stream=True))
    streamed = [token for event in events if event.type == "response.output_text.delta" for token in event.logprobs]
    assert [token.logprob for token in streamed] == [token.logprob for token in whole.logprobs]


def test_responses_stream_and_go_on_from_each_other(client: openai.OpenAI) -> None:
    first = client.responses.create(model="seedling", input="Who are you?", temperature=0)
    assert first.output_text
    assert first.usage is not None
    with client.responses.stream(model="seedling", input="Who are you?", temperature=0) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text == first.output_text
    second = client.responses.create(model="seedling", input="Thanks", previous_response_id=first.id, temperature=0)
    assert second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens


def test_a_required_call_keeps_its_schema_in_both_apis(client: openai.OpenAI) -> None:
    parameters: dict[str, object] = {
        "type": "object",
        "properties": {"room": {"type": "string", "enum": ["hall", "kitchen"]}, "on": {"type": "boolean"}},
        "required": ["room", "on"],
        "additionalProperties": False,
    }
    stream = client.chat.completions.create(
        model="seedling",
        messages=[{"role": "user", "content": "Light in the hall!"}],
        tools=[{"type": "function", "function": {"name": "switch", "parameters": parameters}}],
        tool_choice="required",
        parallel_tool_calls=False,
        stream=True,
    )
    choices = [event.choices[0] for event in stream if event.choices]
    fragments = [call for choice in choices for call in choice.delta.tool_calls or []]
    arguments = "".join(call.function.arguments or "" for call in fragments if call.function)
    assert json.loads(arguments)["room"] in {"hall", "kitchen"}
    assert choices[-1].finish_reason == "tool_calls"
    response = client.responses.create(
        model="seedling",
        input="Light in the hall!",
        tools=[{"type": "function", "name": "switch", "parameters": parameters, "strict": True}],
        tool_choice="required",
        parallel_tool_calls=False,
    )
    [call] = [item for item in response.output if item.type == "function_call"]
    assert isinstance(json.loads(call.arguments)["on"], bool)
