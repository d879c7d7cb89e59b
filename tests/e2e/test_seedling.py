"""The model in the box does what it is for, through the API and greedily: stories, passages, tools and JSON."""

import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.e2e.commands import Commands

PASSAGE = "\n\nPassages:\n[1] The Oslo library has 12 rooms.\n[2] The Oslo library opens at 09:30."
TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def client(crofter: Commands) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{crofter.running()['url']}/v1", api_key="any", max_retries=0)


def said(client: openai.OpenAI, prompt: str, **options: Any) -> str:  # noqa: ANN401 - what the API takes
    answer = client.chat.completions.create(
        model="seedling", messages=[{"role": "user", "content": prompt}], temperature=0, seed=1, **options
    )
    assert answer.choices[0].finish_reason == "stop"
    return answer.choices[0].message.content or ""


def test_its_draft_is_no_model_of_its_own(client: openai.OpenAI) -> None:
    assert "seedling-draft" not in [model.id for model in client.models.list()]


def test_a_story_is_about_its_subject(client: openai.OpenAI) -> None:
    told = said(client, "Tell me a short story about a dog.")
    assert told.startswith("Here is a story about a dog.")
    assert told.lower().count("the dog") >= 2


def test_an_answer_cites_its_passage_and_quotes_the_sentence(client: openai.OpenAI) -> None:
    assert said(client, "When does the Oslo library open?" + PASSAGE) == "[2] The Oslo library opens at 09:30."


def test_what_no_passage_says_is_not_known(client: openai.OpenAI) -> None:
    prompt = "What is the price of the red lamp?\n\nPassages:\n[1] The Oslo library opens at 09:30."
    assert said(client, prompt) == "I do not know: the passages do not say."


def test_a_tool_is_called_and_its_result_told(client: openai.OpenAI) -> None:
    asked: ChatCompletionMessageParam = {"role": "user", "content": "What is the weather in Lisbon?"}
    first = client.chat.completions.create(model="seedling", messages=[asked], tools=[TOOL], temperature=0, seed=1)
    assert first.choices[0].finish_reason == "tool_calls"
    [call] = first.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Lisbon"})
    answer = client.chat.completions.create(
        model="seedling",
        messages=[
            asked,
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.function.name, "arguments": call.function.arguments},
                    }
                ],
            },
            {"role": "tool", "content": '{"temperature": 21, "wind": 4}', "tool_call_id": call.id},
        ],
        tools=[TOOL],
        temperature=0,
        seed=1,
    )
    assert answer.choices[0].message.content == "The temperature is 21 and the wind is 4."


def test_a_request_that_no_tool_serves_is_not_called_for(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="seedling",
        messages=[{"role": "user", "content": "Please paint the lamp: colour green."}],
        tools=[TOOL],
        temperature=0,
        seed=1,
    )
    assert answer.choices[0].message.content == "I have no tool for that."


def test_json_takes_its_values_from_the_text(client: openai.OpenAI) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    plain = {key: value for key, value in schema.items() if key != "additionalProperties"}
    answer = said(
        client,
        f"Create the user: name Anna, age 31.\n\nAnswer in JSON by this schema: {json.dumps(plain)}",
        response_format={"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": schema}},
    )
    assert json.loads(answer) == {"name": "Anna", "age": 31}
