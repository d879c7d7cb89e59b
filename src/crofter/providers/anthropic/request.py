"""From our request to Anthropic's fields. Pure; what has no form there was refused before."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any

from crofter.core import (
    ChatPrompt,
    GenerationRequest,
    JsonSchema,
    MediaPart,
    Message,
    ToolChoice,
    media_type_of,
    pieces_of,
    thinking_share,
)
from crofter.providers.dialect import Sending

_USUAL_MAX_TOKENS = 8192
"""Here a limit must be named; all models of today write that much."""
LEAST_BUDGET_TOKENS = 1024
_USUAL_SHARE = 0.5
"""Of the answer, for thinking that is wanted and no more is said of."""
_EFFORT = "reasoning_effort"
_BUDGETED = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(-[015](-|$)|-\d{8}|$))")
"""Models that think within a budget; later ones decide by themselves (`adaptive`), and refuse one."""


def sending(model: str, request: GenerationRequest) -> Sending:
    """Always asks for a stream."""
    if not isinstance(prompt := request.prompt, ChatPrompt):
        raise TypeError("other prompts are refused before")
    sampling = request.sampling
    # The limit is of thinking and answer together.
    max_tokens = request.max_tokens or _USUAL_MAX_TOKENS + (request.thinking_tokens or 0)
    given: dict[str, Any] = {
        "model": model,
        "stream": True,
        "max_tokens": max_tokens,
        "system": "\n\n".join(message.content or "" for message in prompt.messages if message.role == "system") or None,
        "messages": _messages((each for each in prompt.messages if each.role != "system"), prompt.media),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop_sequences": list(request.stop) or None,
        "tools": [_tool(tool["function"]) for tool in prompt.tools] or None,
        "tool_choice": _tool_choice(prompt.tool_choice) if prompt.tools else None,
        "thinking": _thinking(model, prompt, request.thinking_tokens, max_tokens),
        "output_config": _output(model, prompt, request) or None,
    }
    return Sending(path="/messages", body={name: value for name, value in given.items() if value is not None})


def _messages(messages: Iterable[Message], media: Sequence[MediaPart]) -> list[dict[str, Any]]:
    """Turns of user and assistant; what follows from the same side is one turn, results of tools first."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message, media)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message, media: Sequence[MediaPart]) -> list[dict[str, Any]]:
    pieces = list(pieces_of(message.content or "", media))
    if len(pieces) > 1:
        # Blocks stand apart by themselves, and one of nothing but space is refused.
        trimmed = (piece if isinstance(piece, MediaPart) else piece.strip("\n") for piece in pieces)
        pieces = [piece for piece in trimmed if isinstance(piece, MediaPart) or piece.strip()]
    blocks = [_block(piece) for piece in pieces]
    if message.role == "tool":
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": message.tool_call_id or ""}
        return [{**result, "content": blocks} if blocks else result]
    # Earlier thinking is left out: it would have to carry Anthropic's signature, which no other dialect keeps.
    for call in message.tool_calls or ():
        function = call["function"]
        arguments = function.get("arguments") or "{}"
        given = json.loads(arguments) if isinstance(arguments, str) else arguments
        blocks.append({"type": "tool_use", "id": call.get("id", ""), "name": function["name"], "input": given})
    return blocks


def _block(piece: str | MediaPart) -> dict[str, Any]:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    data = b64encode(piece.data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": media_type_of(piece.data), "data": data}}


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = function.get("parameters") or {"type": "object", "properties": {}}
    given = {"description": function.get("description"), "strict": function.get("strict")}
    return {"name": function["name"], "input_schema": schema, **{k: v for k, v in given.items() if v is not None}}


def _tool_choice(choice: ToolChoice) -> dict[str, Any]:
    if choice.name:
        return {"type": "tool", "name": choice.name}
    wanted: dict[str, Any] = {"type": "any" if choice.required else "auto"}
    return wanted if choice.parallel else {**wanted, "disable_parallel_tool_use": True}


def _thinking(model: str, prompt: ChatPrompt, thinking_tokens: int | None, max_tokens: int) -> dict[str, Any] | None:
    """Not where a call must come, which excludes thinking, nor after the result of a call: its thinking would have to precede it.

    A budget that was named is passed on as it is, to models that refuse one too: they say so better than a guess here could.
    """
    effort, wanted = prompt.template_arguments.get(_EFFORT), prompt.template_arguments.get("enable_thinking")
    if thinking_tokens == 0 or wanted is False or prompt.tool_choice.required or prompt.messages[-1].role == "tool":
        return None
    if not (thinking_tokens or wanted or effort):
        return None
    if not (thinking_tokens or _BUDGETED.match(model)):
        return {"type": "adaptive"}
    share = thinking_share(effort) or _USUAL_SHARE
    budget = min(thinking_tokens or int(share * max_tokens), max_tokens - 1)
    return {"type": "enabled", "budget_tokens": budget} if budget >= LEAST_BUDGET_TOKENS else None


def _output(model: str, prompt: ChatPrompt, request: GenerationRequest) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if _EFFORT in prompt.template_arguments and not _BUDGETED.match(model):
        effort = prompt.template_arguments[_EFFORT]
        wanted["effort"] = "low" if effort == "minimal" else effort
    if isinstance(request.constraint, JsonSchema):
        wanted["format"] = {"type": "json_schema", "schema": request.constraint.schema}
    return wanted
