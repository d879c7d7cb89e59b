"""Calls of tools, asked of real workers: a random model keeps to the form of its family when a call is required."""

import json
from typing import Any

import msgspec
import pytest

from crofter.core import ChatPrompt, Chunk, JsonSchema, Message, ModelFile, Sampling, ToolChoice
from crofter.engine import Engine
from tests.gguf_files import write_tiny_llama

from .conftest import ask, collect, model_file

pytestmark = pytest.mark.anyio
TURNS = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}{{ message.tool_calls or '' }}\n{% endfor %}"
)
TEMPLATES = {
    "generic": TURNS,
    "hermes": "{{ tools }}<tool_call>" + TURNS,
    "mistral": "{{ tools }}[TOOL_CALLS][ARGS]" + TURNS,
    "mistral-list": "{{ tools }}[TOOL_CALLS]" + TURNS,
    "command-r": "{{ tools }}<|START_ACTION|>" + TURNS,
    "llama": "{{ tools }}<|python_tag|>" + TURNS,
    "deepseek": "{{ tools }}<｜tool▁calls▁begin｜>```json" + TURNS,  # noqa: RUF001 - its marks
    "kimi": "{{ tools }}<|tool_calls_section_begin|>" + TURNS,
    "gemma": "{{ tools }}<|tool_call>" + TURNS,
    "harmony": "{{ tools }}<|channel|><|constrain|>" + TURNS,
}
SWITCH: dict[str, Any] = {
    "type": "object",
    "properties": {"room": {"enum": ["hall", "kitchen"]}, "on": {"type": "boolean"}},
    "required": ["room", "on"],
}
TOOLS = (
    {"type": "function", "function": {"name": "switch", "description": "A lamp.", "parameters": SWITCH}},
    {"type": "function", "function": {"name": "now"}},
)


@pytest.fixture(scope="module")
def engine(shared_engine: Engine) -> Engine:
    return shared_engine


@pytest.fixture(scope="module", params=TEMPLATES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    path = write_tiny_llama(tmp_path_factory.mktemp("calls") / "m.gguf", chat_template=TEMPLATES[request.param])
    return msgspec.structs.replace(model_file(path, model_id=f"calls-{request.param}"), context_length=2048)


async def asked(
    engine: Engine,
    model: ModelFile,
    seed: int = 1,
    constraint: JsonSchema | None = None,
    **prompt: Any,  # noqa: ANN401
) -> list[Chunk]:
    given: dict[str, Any] = {"messages": (Message(role="user", content="Light!"),), "tools": TOOLS, **prompt}
    request = ask(
        prompt=ChatPrompt(**given),
        sampling=Sampling(seed=seed, temperature=2.0),
        max_tokens=None,
        constraint=constraint,
    )
    return await collect(engine, model, request)


def calls_of(chunks: list[Chunk]) -> list[tuple[str, dict[str, Any]]]:
    names, arguments = list[str](), list[str]()
    for delta in (delta for chunk in chunks for delta in chunk.tool_calls):
        if delta.index == len(names):
            names.append(delta.name)
            arguments.append("")
        arguments[delta.index] += delta.arguments
    return [(name, json.loads(text)) for name, text in zip(names, arguments, strict=True)]


def is_allowed(name: str, arguments: dict[str, Any]) -> bool:
    if name == "now":
        return arguments == {}
    return name == "switch" and arguments["room"] in {"hall", "kitchen"} and isinstance(arguments["on"], bool)


async def test_a_required_call_is_made_and_keeps_its_schema(engine: Engine, model: ModelFile) -> None:
    for seed in range(4):
        chunks = await asked(engine, model, seed, tool_choice=ToolChoice(required=True, parallel=False))
        calls = calls_of(chunks)
        assert chunks[-1].finish_reason == "tool_calls"
        assert len(calls) == 1
        assert is_allowed(*calls[0])
        assert "".join(chunk.text for chunk in chunks) == ""


async def test_the_named_tool_is_the_one_called(engine: Engine, model: ModelFile) -> None:
    chunks = await asked(engine, model, tool_choice=ToolChoice(required=True, name="now", parallel=False))
    assert calls_of(chunks) == [("now", {})]


async def test_an_answer_with_a_form_of_its_own_may_be_a_call_instead(engine: Engine, model: ModelFile) -> None:
    form = JsonSchema(
        schema={"type": "object", "properties": {"x": {"enum": [1]}}, "required": ["x"], "additionalProperties": False}
    )
    for seed in range(4):
        chunks = await asked(engine, model, seed, constraint=form, tool_choice=ToolChoice(parallel=False))
        calls, text = calls_of(chunks), "".join(chunk.text for chunk in chunks)
        assert (len(calls) == 1 and is_allowed(*calls[0])) if calls else json.loads(text) == {"x": 1}


async def test_calls_and_results_of_earlier_turns_are_in_the_prompt(engine: Engine, model: ModelFile) -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "switch", "arguments": '{"room": "hall", "on": true}'},
    }
    chunks = await asked(
        engine,
        model,
        messages=(
            Message(role="user", content="Light!"),
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="done", tool_call_id="call_1"),
        ),
        tool_choice=ToolChoice(required=True, name="now", parallel=False),
    )
    assert calls_of(chunks) == [("now", {})]
