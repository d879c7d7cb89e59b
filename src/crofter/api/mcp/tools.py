"""What the node offers as tools. Each takes arguments that its schema allows, says how far it is, and returns JSON."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import msgspec

from .asking import Answer, Asking, Question, side_by_side

Progress = Callable[[int, int, str], Awaitable[None]]
"""Told how many of how many steps are done, and what the last one was."""
Prompt = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000_000)]
Model = Annotated[str, msgspec.Meta(max_length=256, description="A model of this node; empty for its default.")]
MaxTokens = Annotated[int, msgspec.Meta(ge=1, le=1_000_000, description="The longest answer.")]


class ChatArguments(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    prompt: Annotated[Prompt, msgspec.Meta(description="What to say to the model.")]
    system: Annotated[str, msgspec.Meta(description="How it should behave.")] = ""
    model: Model = ""
    max_tokens: MaxTokens | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None


class NoArguments(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class CompareArguments(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    prompt: Annotated[Prompt, msgspec.Meta(description="What to ask each of them.")]
    models: Annotated[list[Model], msgspec.Meta(min_length=1, max_length=8, description="Models of this node.")]
    max_tokens: MaxTokens | None = None


class ResearchArguments(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    question: Annotated[Prompt, msgspec.Meta(description="What to find out.")]
    parts: Annotated[int, msgspec.Meta(ge=2, le=6, description="Into how many questions it is divided.")] = 3
    model: Model = ""
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=1_000_000, description="The longest answer to a part.")] = 512


class BatchArguments(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    prompts: Annotated[list[Prompt], msgspec.Meta(min_length=1, max_length=64, description="Each is asked by itself.")]
    system: Annotated[str, msgspec.Meta(description="How the model should behave.")] = ""
    model: Model = ""
    max_tokens: MaxTokens | None = None


class DelegateArguments(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    task: Annotated[Prompt, msgspec.Meta(description="What is to be done, complete in itself.")]
    context: Annotated[str, msgspec.Meta(description="What the model needs to know for it.")] = ""
    model: Model = ""
    max_tokens: MaxTokens | None = None


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """One tool: what it is for, what it takes, and what does it."""

    name: str
    description: str
    arguments: type[msgspec.Struct]
    call: Callable[[Asking, Any, Progress], Awaitable[Any]]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its arguments, without references."""
        schema = msgspec.json.schema(self.arguments)
        named: dict[str, Any] = schema.pop("$defs", {})
        return named.get(self.arguments.__name__, schema)


async def _chat(asking: Asking, given: ChatArguments, _: Progress) -> Answer:
    question = Question(
        prompt=given.prompt,
        model=given.model,
        system=given.system,
        max_tokens=given.max_tokens,
        temperature=given.temperature,
    )
    return await asking.ask(question)


async def _models(asking: Asking, _: NoArguments, __: Progress) -> list[dict[str, Any]]:
    return [
        {
            "name": summary.name,
            "parameters": summary.parameter_count,
            "quantization": summary.quantization,
            "context_length": summary.context_length,
            "capabilities": summary.capabilities,
            "default": summary.default,
        }
        for summary in asking.services.administration.installed_models()
    ]


async def _compare(asking: Asking, given: CompareArguments, progress: Progress) -> list[Answer]:
    questions = [Question(prompt=given.prompt, model=model, max_tokens=given.max_tokens) for model in given.models]
    return await _all(asking, questions, progress)


async def _batch(asking: Asking, given: BatchArguments, progress: Progress) -> list[Answer]:
    questions = [
        Question(prompt=prompt, model=given.model, system=given.system, max_tokens=given.max_tokens)
        for prompt in given.prompts
    ]
    return await _all(asking, questions, progress)


async def _all(asking: Asking, questions: list[Question], progress: Progress) -> list[Answer]:
    async def done(count: int) -> None:
        await progress(count, len(questions), "answered")

    return await side_by_side(questions, asking.ask, done)


async def _delegate(asking: Asking, given: DelegateArguments, _: Progress) -> Answer:
    system = "You are given one task. Do it, using only what you are told, and answer with the result alone."
    prompt = f"{given.task}\n\n{given.context}" if given.context else given.task
    return await asking.ask(Question(prompt=prompt, model=given.model, system=system, max_tokens=given.max_tokens))


async def _research(asking: Asking, given: ResearchArguments, progress: Progress) -> dict[str, Any]:
    """Divide, answer the parts side by side, and put them together."""
    steps = given.parts + 2
    schema = {
        "type": "object",
        "properties": {
            "questions": {
                "type": "array",
                "items": {"type": "string", "maxLength": 300},
                "minItems": given.parts,
                "maxItems": given.parts,
            }
        },
        "required": ["questions"],
        "additionalProperties": False,
    }
    divide = f"Divide this question into {given.parts} smaller ones whose answers together answer it:\n{given.question}"
    divided = await asking.ask(Question(prompt=divide, model=given.model, schema=schema, max_tokens=128 * given.parts))
    parts = _questions(divided.text) or [given.question]
    await progress(1, steps, "divided")

    async def done(count: int) -> None:
        await progress(1 + count, steps, "answered a part")

    questions = [Question(prompt=part, model=given.model, max_tokens=given.max_tokens) for part in parts]
    answers = await side_by_side(questions, asking.ask, done)
    found = "\n\n".join(f"{part}\n{answer.text}" for part, answer in zip(parts, answers, strict=True))
    merge = f"Answer the question from what was found.\n\nQuestion: {given.question}\n\nFound:\n{found}"
    merged = await asking.ask(Question(prompt=merge, model=given.model, max_tokens=2 * given.max_tokens))
    await progress(steps, steps, "put together")
    told = [{"question": part, "answer": answer.text} for part, answer in zip(parts, answers, strict=True)]
    return {"model": merged.model, "text": merged.text, "parts": told, "ran_on": merged.ran_on}


def _questions(text: str) -> list[str]:
    """Of the model's JSON; none if it was cut off."""
    try:
        found: dict[str, list[str]] = json.loads(text)
    except ValueError:
        return []
    return [question for question in found.get("questions", []) if question.strip()]


async def _node_info(asking: Asking, _: NoArguments, __: Progress) -> dict[str, Any]:
    status = asking.services.administration.status()
    loaded = [
        {"name": model.name, "state": model.state, "active_requests": model.active_requests}
        for model in asking.services.administration.loaded_models()
    ]
    return {
        "version": status.version,
        "default_model": status.default_model,
        "installed_models": status.installed_models,
        "active_requests": status.active_requests,
        "loaded_models": loaded,
    }


TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(name="chat", description="Ask a model of this node.", arguments=ChatArguments, call=_chat),
        Tool(name="models", description="List the models of this node.", arguments=NoArguments, call=_models),
        Tool(
            name="compare",
            description="Ask several models of this node the same, side by side.",
            arguments=CompareArguments,
            call=_compare,
        ),
        Tool(
            name="research",
            description="Divide a question, have a model of this node answer the parts side by side, and put the answers together.",
            arguments=ResearchArguments,
            call=_research,
        ),
        Tool(
            name="batch",
            description="Ask a model of this node many things, each by itself.",
            arguments=BatchArguments,
            call=_batch,
        ),
        Tool(
            name="delegate",
            description="Hand a task that is complete in itself to a model of this node, which answers with the result.",
            arguments=DelegateArguments,
            call=_delegate,
        ),
        Tool(name="node_info", description="How this node is.", arguments=NoArguments, call=_node_info),
    )
}
