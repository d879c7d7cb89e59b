"""From our request to Anthropic's fields. Pure; what has no form there was refused before."""

import json
import re
from collections.abc import Iterable
from typing import Any

from crofter.core import ChatPrompt, GenerationRequest, JsonSchema, Message, ToolChoice
from crofter.providers.dialect import Sending

_USUAL_MAX_TOKENS = 8192
"""Here a limit must be named; all models of today write that much."""
_LEAST_BUDGET_TOKENS = 1024
_BUDGETED = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(-[015](-|$)|-\d{8}|$))")
"""Models that think within a budget; later ones decide by themselves (`adaptive`), and refuse one."""


def sending(model: str, request: GenerationRequest) -> Sending:
    """Always asks for a stream."""
    if not isinstance(prompt := request.prompt, ChatPrompt):
        raise TypeError("other prompts are refused before")
    sampling = request.sampling
    max_tokens = request.max_tokens or _USUAL_MAX_TOKENS
    given: dict[str, Any] = {
        "model": model,
        "stream": True,
        "max_tokens": max_tokens,
        "system": "\n\n".join(message.content or "" for message in prompt.messages if message.role == "system") or None,
        "messages": _messages(message for message in prompt.messages if message.role != "system"),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop_sequences": list(request.stop) or None,
        "tools": [_tool(tool["function"]) for tool in prompt.tools] or None,
        "tool_choice": _tool_choice(prompt.tool_choice) if prompt.tools else None,
        "thinking": _thinking(model, prompt, max_tokens),
        "output_config": _output(prompt, request) or None,
    }
    return Sending(path="/messages", body={name: value for name, value in given.items() if value is not None})


def _messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Turns of user and assistant; what follows from the same side is one turn, results of tools first."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": message.tool_call_id or ""}
        return [{**result, "content": message.content} if message.content else result]
    # Earlier thinking is left out: it would have to carry Anthropic's signature, which no other dialect keeps.
    blocks: list[dict[str, Any]] = [{"type": "text", "text": message.content}] if message.content else []
    for call in message.tool_calls or ():
        function = call["function"]
        arguments = function.get("arguments") or "{}"
        given = json.loads(arguments) if isinstance(arguments, str) else arguments
        blocks.append({"type": "tool_use", "id": call.get("id", ""), "name": function["name"], "input": given})
    return blocks


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = function.get("parameters") or {"type": "object", "properties": {}}
    given = {"description": function.get("description"), "strict": function.get("strict")}
    return {"name": function["name"], "input_schema": schema, **{k: v for k, v in given.items() if v is not None}}


def _tool_choice(choice: ToolChoice) -> dict[str, Any]:
    if choice.name:
        return {"type": "tool", "name": choice.name}
    wanted: dict[str, Any] = {"type": "any" if choice.required else "auto"}
    return wanted if choice.parallel else {**wanted, "disable_parallel_tool_use": True}


def _thinking(model: str, prompt: ChatPrompt, max_tokens: int) -> dict[str, Any] | None:
    """Not where a call must come, which excludes thinking, nor after the result of a call: its thinking would have to precede it."""
    if prompt.template_arguments.get("enable_thinking") is not True or prompt.tool_choice.required:
        return None
    if prompt.messages[-1].role == "tool":
        return None
    if not _BUDGETED.match(model):
        return {"type": "adaptive"}
    budget = max_tokens // 2
    return {"type": "enabled", "budget_tokens": budget} if budget >= _LEAST_BUDGET_TOKENS else None


def _output(prompt: ChatPrompt, request: GenerationRequest) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if "reasoning_effort" in prompt.template_arguments:
        wanted["effort"] = prompt.template_arguments["reasoning_effort"]
    if isinstance(request.constraint, JsonSchema):
        wanted["format"] = {"type": "json_schema", "schema": request.constraint.schema}
    return wanted
