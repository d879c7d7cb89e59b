"""How thinking is asked for, or not, in the forms of both wires."""

from typing import Any

import pytest

from crofter.core import ChatPrompt, GenerationRequest, Message, RequestId, ToolChoice
from crofter.providers import KINDS, anthropic, openai

CALL: dict[str, Any] = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
ASKED = (Message(role="user", content="Look."),)
ANSWERED = (
    *ASKED,
    Message(role="assistant", tool_calls=(CALL,)),
    Message(role="tool", content="A dog.", tool_call_id="c"),
)


def request(prompt: ChatPrompt, **fields: Any) -> GenerationRequest:  # noqa: ANN401 - any of its fields
    return GenerationRequest(request_id=RequestId("r"), model="m", prompt=prompt, **fields)


BUDGETED, ADAPTIVE = "claude-sonnet-4-5-20250929", "claude-opus-4-7"


def thoughtful(model: str, messages: tuple[Message, ...] = ASKED, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """What Anthropic is sent: `think` and `effort` are the wishes, the rest fields of a request."""
    wishes = {"enable_thinking": fields.pop("think", None), "reasoning_effort": fields.pop("effort", None)}
    prompt = ChatPrompt(
        messages=messages,
        tool_choice=fields.pop("tool_choice", ToolChoice()),
        template_arguments={name: wish for name, wish in wishes.items() if wish is not None},
    )
    return anthropic.sending(model, request(prompt, **fields)).body


def test_anthropic_thinks_in_the_form_its_model_takes() -> None:
    half = thoughtful(BUDGETED, think=True, max_tokens=4096)
    assert half["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert thoughtful(ADAPTIVE, think=True, max_tokens=4096)["thinking"] == {"type": "adaptive"}


def test_an_effort_is_one_where_the_model_knows_efforts_and_else_a_share_of_the_answer() -> None:
    later = thoughtful(ADAPTIVE, effort="minimal", max_tokens=4096)
    assert (later["thinking"], later["output_config"]) == ({"type": "adaptive"}, {"effort": "low"})
    assert thoughtful(ADAPTIVE, effort="max")["output_config"] == {"effort": "max"}
    earlier = thoughtful(BUDGETED, effort="high", max_tokens=10_000)
    assert earlier["thinking"] == {"type": "enabled", "budget_tokens": 8000}
    assert "output_config" not in earlier


@pytest.mark.parametrize("model", [BUDGETED, ADAPTIVE])
def test_a_budget_is_passed_on_and_stays_below_the_limit_of_the_whole_answer(model: str) -> None:
    for limit, budget in ((4096, 2000), (2000, 1999)):
        body = thoughtful(model, thinking_tokens=2000, max_tokens=limit)
        assert body["max_tokens"] == limit
        assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    unlimited = thoughtful(model, thinking_tokens=20_000)
    assert unlimited["thinking"]["budget_tokens"] == 20_000
    assert unlimited["max_tokens"] > 20_000


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"think": True, "max_tokens": 1000},
        {"thinking_tokens": 2000, "max_tokens": 1024},
        {"thinking_tokens": 0, "think": True},
        {"think": False, "effort": "high"},
        {"think": True, "messages": ANSWERED},
        {"thinking_tokens": 2000, "tool_choice": ToolChoice(required=True)},
    ],
    ids=["unsaid", "short", "shorter than a budget", "no tokens", "off", "after a result", "a call"],
)
def test_thinking_is_not_asked_of_anthropic_where_it_cannot_be_or_is_not_wanted(fields: dict[str, Any]) -> None:
    assert "thinking" not in thoughtful(BUDGETED, **fields)


def test_thinking_is_said_to_openais_kind_as_the_catalogue_has_it() -> None:
    def said(kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        wishes = fields.pop("wishes", {})
        prompt = ChatPrompt(messages=ASKED, template_arguments=wishes)
        body = openai.sending(KINDS[kind], "m", request(prompt, **fields)).body
        return {name: value for name, value in body.items() if "think" in name or "effort" in name or "kwargs" in name}

    assert said("groq", wishes={"reasoning_effort": "low"}) == {"reasoning_effort": "low"}
    assert said("groq", wishes={"enable_thinking": False}) == {"reasoning_effort": "none"}
    assert said("groq", wishes={"enable_thinking": True}, thinking_tokens=500) == {}
    assert said("deepseek", wishes={"enable_thinking": False}) == {"thinking": {"type": "disabled"}}
    assert said("exo", wishes={"enable_thinking": False}) == {}
    assert said("crofter", thinking_tokens=500) == {"thinking_budget": 500}
    assert said("llama-server", thinking_tokens=0) == {"thinking_budget_tokens": 0}
    assert said("vllm", wishes={"reasoning_effort": "low"}, thinking_tokens=0) == {
        "chat_template_kwargs": {"reasoning_effort": "low"},
    }
