"""From our request to OpenAI's fields. Pure; what has no form there was refused before."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from crofter.core import (
    ChatPrompt,
    GenerationRequest,
    InfillPrompt,
    JsonSchema,
    MediaPart,
    Message,
    TextPrompt,
    ToolChoice,
    media_type_of,
    pieces_of,
)
from crofter.providers.catalogue import Kind
from crofter.providers.dialect import Sending

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHORT_ID_LENGTH = 9
_SOUNDS = {"audio/wav": "wav", "audio/mpeg": "mp3"}


def sending(kind: Kind, model: str, request: GenerationRequest) -> Sending:
    """Always asks for a stream: a reply in one piece would tell nothing until its end, nor that its client has gone."""
    body: dict[str, Any] = {"model": model, "stream": True, **_limits(kind, request), **_sampling(kind, request)}
    if kind.asks_for_usage:
        body["stream_options"] = {"include_usage": True}
    match request.prompt:
        case ChatPrompt() as prompt:
            return Sending(path="/chat/completions", body={**body, **_chat(kind, prompt, request)})
        case InfillPrompt(prefix=prefix, suffix=suffix):
            return Sending(path="/completions", body={**body, "prompt": prefix, "suffix": suffix})
        case TextPrompt(text=text):
            return Sending(path="/completions", body={**body, "prompt": text})
        case _:
            raise TypeError("prompts of token ids are refused before")


def _limits(kind: Kind, request: GenerationRequest) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if request.max_tokens is not None:
        field = kind.max_tokens_field if isinstance(request.prompt, ChatPrompt) else "max_tokens"
        limits[field] = request.max_tokens
    if request.stop:
        limits["stop"] = list(request.stop)
    if request.choices > 1:
        limits["n"] = request.choices
    return limits


def _sampling(kind: Kind, request: GenerationRequest) -> dict[str, Any]:
    sampling = request.sampling
    given: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        kind.seed_field: sampling.seed,
    }
    for ours, theirs in kind.sampling.items():
        given[theirs] = getattr(sampling, ours)
    if sampling.repetition_penalty == 1:
        given.pop(kind.sampling.get("repetition_penalty", ""), None)
    return {name: value for name, value in given.items() if value is not None}


def _chat(kind: Kind, prompt: ChatPrompt, request: GenerationRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {"messages": [_message(kind, message, prompt.media) for message in prompt.messages]}
    if prompt.tools:
        fields |= {"tools": list(prompt.tools), **_tool_choice(prompt.tool_choice)}
    if isinstance(request.constraint, JsonSchema):
        fields["response_format"] = _form(request.constraint)
    if request.top_logprobs is not None:
        fields |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    if request.thinking_tokens is not None and kind.budget_field:
        fields[kind.budget_field] = request.thinking_tokens
    return {**fields, **_reasoning(kind, prompt.template_arguments)}


def _message(kind: Kind, message: Message, media: Sequence[MediaPart]) -> dict[str, Any]:
    pieces = list(pieces_of(message.content or "", media))
    in_parts = any(isinstance(piece, MediaPart) for piece in pieces)
    fields: dict[str, Any] = {"role": message.role, "content": [*map(_part, pieces)] if in_parts else message.content}
    if message.name is not None:
        fields["name"] = message.name
    if message.tool_call_id is not None:
        fields["tool_call_id"] = _call_id(kind, message.tool_call_id)
    if message.tool_calls:
        fields["tool_calls"] = [{**call, "id": _call_id(kind, str(call.get("id", "")))} for call in message.tool_calls]
    if message.reasoning_content is not None and kind.takes_reasoning:
        fields["reasoning_content"] = message.reasoning_content
    return fields


def _part(piece: str | MediaPart) -> dict[str, Any]:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    data, media_type = b64encode(piece.data).decode(), media_type_of(piece.data)
    if piece.kind == "image":
        return {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{data}"}}
    return {"type": "input_audio", "input_audio": {"data": data, "format": _SOUNDS[media_type or ""]}}


def _call_id(kind: Kind, call_id: str) -> str:
    """The same id each time, in the form the server insists on."""
    if not kind.short_call_ids or (len(call_id) == _SHORT_ID_LENGTH and call_id.isascii() and call_id.isalnum()):
        return call_id
    digest = hashlib.sha256(call_id.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:_SHORT_ID_LENGTH])


def _tool_choice(choice: ToolChoice) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if choice.name:
        fields["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    elif choice.required:
        fields["tool_choice"] = "required"
    if not choice.parallel:
        fields["parallel_tool_calls"] = False
    return fields


def _form(constraint: JsonSchema) -> dict[str, Any]:
    if not constraint.schema:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": constraint.schema},
    }


def _reasoning(kind: Kind, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of chat templates where there is a template to give them to; elsewhere the fields for reasoning."""
    if kind.takes_template_arguments:
        return {"chat_template_kwargs": arguments} if arguments else {}
    if "reasoning_effort" in arguments:
        return {"reasoning_effort": arguments["reasoning_effort"]}
    if arguments.get("enable_thinking") is not False:
        return {}
    if kind.has_thinking_switch:
        return {"thinking": {"type": "disabled"}}
    return {"reasoning_effort": "none"} if kind.takes_effort else {}
