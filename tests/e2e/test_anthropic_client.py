"""Anthropic's own client against a real node."""

from collections.abc import Callable, Generator

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam

from tests.e2e.commands import Commands

LIGHT: MessageParam = {"role": "user", "content": "Light in the hall!"}
SWITCH: ToolParam = {
    "name": "switch",
    "description": "Switch the lamp of a room.",
    "input_schema": {
        "type": "object",
        "properties": {"room": {"type": "string", "enum": ["hall", "kitchen"]}, "on": {"type": "boolean"}},
        "required": ["room", "on"],
    },
}


@pytest.fixture
def client(crofter: Commands) -> Generator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=crofter.running()["url"], api_key="any", max_retries=0) as client:
        yield client


def test_a_message_is_answered(client: anthropic.Anthropic) -> None:
    message = client.messages.create(
        model="claude-opus-5",
        max_tokens=40,
        messages=[{"role": "user", "content": "Who are you?"}],
        extra_body={"temperature": 0},
    )
    assert message.content[0].type == "text"
    assert message.content[0].text
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) > 0
    assert message.model == "seedling"
    assert message.model_extra is not None
    assert message.model_extra["crofter"]["provenance"]["ran_on"] == ["this node"]


def test_a_stream_adds_up_to_the_message(client: anthropic.Anthropic) -> None:
    with client.messages.stream(
        model="seedling",
        max_tokens=40,
        messages=[{"role": "user", "content": "Who are you?"}],
        extra_body={"temperature": 0},
    ) as stream:
        events = list(stream)
        final = stream.get_final_message()
    text = "".join(event.text for event in events if event.type == "text")
    assert final.model_extra is not None
    assert final.model_extra["crofter"]["provenance"]["readable_by"] == ["this node"]
    assert final.content[0].type == "text"
    assert final.content[0].text == text
    assert final.stop_reason in {"end_turn", "max_tokens"}
    assert final.usage.output_tokens > 0


def whole(client: anthropic.Anthropic) -> anthropic.types.Message:
    choice: anthropic.types.ToolChoiceToolParam = {"type": "tool", "name": "switch"}
    return client.messages.create(
        model="seedling", max_tokens=200, messages=[LIGHT], tools=[SWITCH], tool_choice=choice
    )


def streamed(client: anthropic.Anthropic) -> anthropic.types.Message:
    choice: anthropic.types.ToolChoiceAnyParam = {"type": "any", "disable_parallel_tool_use": True}
    with client.messages.stream(
        model="seedling", max_tokens=200, messages=[LIGHT], tools=[SWITCH], tool_choice=choice
    ) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("ask", [whole, streamed])
def test_a_call_that_is_asked_for_keeps_its_schema(
    client: anthropic.Anthropic, ask: Callable[[anthropic.Anthropic], anthropic.types.Message]
) -> None:
    message = ask(client)
    [block] = message.content
    assert block.type == "tool_use"
    assert block.name == "switch"
    assert isinstance(block.input, dict)
    assert block.input["room"] in {"hall", "kitchen"}
    assert isinstance(block.input["on"], bool)
    assert message.stop_reason == "tool_use"


def test_tokens_are_counted_as_they_are_then_used(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model="seedling", messages=[{"role": "user", "content": "Hi"}])
    usage = client.messages.create(model="seedling", max_tokens=1, messages=[{"role": "user", "content": "Hi"}]).usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)


def test_models_and_errors_are_its_own(client: anthropic.Anthropic) -> None:
    assert "seedling" in [model.id for model in client.models.list()]
    with pytest.raises(anthropic.BadRequestError, match="tool_choice"):
        client.messages.create(
            model="seedling",
            max_tokens=1,
            messages=[{"role": "user", "content": "Hi"}],
            tools=[SWITCH],
            tool_choice={"type": "tool", "name": "other"},
        )
