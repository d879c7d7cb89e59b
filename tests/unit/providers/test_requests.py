"""Our request in the forms of both wires, and what has no form there."""

from typing import Any

import pytest

from crofter.core import (
    AdapterUse,
    ChatPrompt,
    CrofterError,
    ErrorCode,
    GenerationRequest,
    Grammar,
    InfillPrompt,
    JsonSchema,
    Message,
    Prompt,
    RequestId,
    Sampling,
    TextPrompt,
    TokenPrompt,
    ToolChoice,
)
from crofter.providers import KINDS, Provider, anthropic, openai
from crofter.providers.refusals import require_possible

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
CALL: dict[str, Any] = {
    "id": "call_0123456789abcdef",
    "type": "function",
    "function": {"name": "look", "arguments": '{"a": 1}'},
}
TALK = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="Look."),
    Message(role="assistant", reasoning_content="I must.", tool_calls=(CALL,)),
    Message(role="tool", content="A dog.", tool_call_id=CALL["id"]),
)


def request(prompt: Prompt | None = None, **fields: Any) -> GenerationRequest:  # noqa: ANN401 - any of its fields
    return GenerationRequest(request_id=RequestId("r"), model="m", prompt=prompt or ChatPrompt(messages=TALK), **fields)


def body_for(kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a request
    return openai.sending(KINDS[kind], "m", request(**fields)).body


def test_openai_gets_its_own_fields() -> None:
    sampling = Sampling(temperature=0.5, seed=7, presence_penalty=0.1)
    body = body_for("openai", sampling=sampling, max_tokens=9, stop=("x",), choices=2, top_logprobs=3)
    assert body["max_completion_tokens"] == 9
    assert body["stream_options"] == {"include_usage": True}
    assert (body["seed"], body["n"], body["stop"], body["top_logprobs"]) == (7, 2, ["x"], 3)
    assert "frequency_penalty" not in body
    assert "reasoning_content" not in body["messages"][2]


def test_mistral_gets_other_names_and_short_ids_that_fit_together() -> None:
    body = body_for("mistral", sampling=Sampling(seed=7), max_tokens=9)
    assert (body["random_seed"], body["max_tokens"]) == (7, 9)
    assert "stream_options" not in body
    call_id = body["messages"][2]["tool_calls"][0]["id"]
    assert len(call_id) == 9
    assert call_id.isalnum()
    assert body["messages"][3]["tool_call_id"] == call_id


def test_engines_of_ones_own_get_what_they_heed() -> None:
    prompt = ChatPrompt(messages=TALK, template_arguments={"enable_thinking": False})
    body = body_for("llama-server", prompt=prompt, sampling=Sampling(top_k=4, repetition_penalty=1.2))
    assert (body["top_k"], body["repeat_penalty"]) == (4, 1.2)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["messages"][2]["reasoning_content"] == "I must."
    assert "repeat_penalty" not in body_for("llama-server")


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        (ToolChoice(), {}),
        (ToolChoice(required=True), {"tool_choice": "required"}),
        (
            ToolChoice(required=True, name="look", parallel=False),
            {"tool_choice": {"type": "function", "function": {"name": "look"}}, "parallel_tool_calls": False},
        ),
    ],
)
def test_choices_of_tools_for_openai(choice: ToolChoice, fields: dict[str, Any]) -> None:
    body = body_for("openai", prompt=ChatPrompt(messages=TALK, tools=(TOOL,), tool_choice=choice))
    assert {key: body[key] for key in ("tool_choice", "parallel_tool_calls") if key in body} == fields
    assert body["tools"] == [TOOL]


def test_forms_and_reasoning_for_openai() -> None:
    prompt = ChatPrompt(messages=TALK, template_arguments={"reasoning_effort": "low"})
    body = body_for("openai", prompt=prompt, constraint=JsonSchema(schema={"type": "object"}))
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert body["reasoning_effort"] == "low"
    assert body_for("openai", constraint=JsonSchema(schema={}))["response_format"] == {"type": "json_object"}


def test_texts_go_to_completions() -> None:
    sending = openai.sending(KINDS["ollama"], "m", request(InfillPrompt(prefix="a", suffix="c"), max_tokens=3))
    assert sending.path == "/completions"
    assert (sending.body["prompt"], sending.body["suffix"], sending.body["max_tokens"]) == ("a", "c", 3)


def test_anthropic_gets_turns_of_two_sides() -> None:
    body = anthropic.sending("claude-x", request(ChatPrompt(messages=TALK, tools=(TOOL,)))).body
    assert body["system"] == "Be brief."
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == [{"type": "tool_use", "id": CALL["id"], "name": "look", "input": {"a": 1}}]
    result = {"type": "tool_result", "tool_use_id": CALL["id"], "content": [{"type": "text", "text": "A dog."}]}
    assert body["messages"][2]["content"] == [result]
    assert body["tools"] == [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    assert body["max_tokens"] > 0


@pytest.mark.parametrize(
    ("kind", "fields", "parameter"),
    [
        ("openai", {"constraint": Grammar(gbnf="root ::= [a]")}, "grammar"),
        ("vllm", {"sampling": Sampling(logit_bias={1: 2.0})}, "logit_bias"),
        ("vllm", {"prompt": TokenPrompt(tokens=(1,))}, "prompt"),
        ("vllm", {"adapters": (AdapterUse(path="/x"),)}, "lora"),
        ("vllm", {"prompt": InfillPrompt(prefix="a", suffix="b")}, "suffix"),
        ("openai", {"prompt": TextPrompt(text="a")}, "prompt"),
        ("vllm", {"prompt": TextPrompt(text="a"), "echo": True}, "echo"),
        ("vllm", {"prompt": TextPrompt(text="a"), "top_logprobs": 1}, "logprobs"),
        ("openai", {"sampling": Sampling(top_k=3)}, "top_k"),
        ("openai", {"sampling": Sampling(mirostat=2)}, "mirostat"),
        ("deepseek", {"constraint": JsonSchema(schema={"type": "object"})}, "response_format"),
        ("deepseek", {"sampling": Sampling(seed=3)}, "seed"),
        ("openai", {"prompt": ChatPrompt(messages=TALK, template_arguments={"x": 1})}, "chat_template_kwargs"),
        ("anthropic", {"choices": 2}, "n"),
        ("anthropic", {"top_logprobs": 0}, "logprobs"),
        ("anthropic", {"sampling": Sampling(presence_penalty=1)}, "presence_penalty"),
        ("anthropic", {"constraint": JsonSchema(schema={})}, "response_format"),
        ("anthropic", {"thinking_tokens": 500}, "thinking_budget"),
        (
            "exo",
            {"prompt": ChatPrompt(messages=TALK, template_arguments={"reasoning_effort": "low"})},
            "reasoning_effort",
        ),
    ],
)
def test_what_a_provider_cannot_do_is_refused_by_name(kind: str, fields: dict[str, Any], parameter: str) -> None:
    provider = Provider(name="there", kind_name=kind, base_url="", radius="public")
    with pytest.raises(CrofterError) as caught:
        require_possible(provider, request(**fields))
    assert caught.value.code is ErrorCode.UNSUPPORTED
    assert caught.value.parameter == parameter
    assert "there" in caught.value.message


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_chat_can_be_asked_of_everybody(kind: str) -> None:
    provider = Provider(name="there", kind_name=kind, base_url="", radius="public")
    tools = ChatPrompt(messages=TALK, tools=(TOOL,), tool_choice=ToolChoice(required=True))
    require_possible(provider, request(tools, sampling=Sampling(temperature=0.5, top_p=0.9), stop=("x",), max_tokens=5))
