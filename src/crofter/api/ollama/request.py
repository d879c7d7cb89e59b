"""From Ollama's requests to our values. Pure."""

import json
from typing import Any

import msgspec

from crofter.api.media import Attachments
from crofter.core import (
    ChatPrompt,
    CrofterError,
    ErrorCode,
    GenerationRequest,
    InfillPrompt,
    JsonSchema,
    Message,
    Prompt,
    Sampling,
    TextPrompt,
    new_request_id,
)

from .wire import ChatBody, GenerateBody, GenerationFields, InputMessage, Options

_SEED_VALUES = 2**32


def generation_request(
    body: GenerationFields, prompt: Prompt, timeout_seconds: float | None, keep_loaded_seconds: float | None
) -> GenerationRequest:
    """The request for one prompt. Raises INVALID_REQUEST naming the field."""
    options = body.options or Options()
    limit = options.num_predict
    stop = [options.stop] if isinstance(options.stop, str) else options.stop or []
    return GenerationRequest(
        request_id=new_request_id(),
        model=body.model,
        prompt=prompt,
        sampling=_sampling(options),
        max_tokens=None if limit is None or limit < 0 else max(1, limit),
        shortens_to_fit=True,
        thinking_tokens=0 if body.think is False else None,
        stop=tuple(text for text in stop if text),
        constraint=_form(body.format),
        timeout_seconds=timeout_seconds,
        keep_loaded_seconds=keep_loaded_seconds,
    )


def generate_prompt(body: GenerateBody) -> Prompt:
    """What `generate` continues: a gap, raw text, or one message. Raises INVALID_REQUEST."""
    if body.suffix or body.raw:
        if body.images:
            raise CrofterError(
                ErrorCode.UNSUPPORTED, "images have their place in a chat; leave out raw and suffix", parameter="images"
            )
        return InfillPrompt(prefix=body.prompt, suffix=body.suffix) if body.suffix else TextPrompt(text=body.prompt)
    attachments = Attachments()
    content = _seen(body.prompt, body.images, "images", attachments)
    system = (Message(role="system", content=body.system),) if body.system else ()
    return ChatPrompt(
        messages=(*system, Message(role="user", content=content)),
        media=tuple(attachments.parts),
        template_arguments=_template_arguments(body),
    )


def chat_prompt(body: ChatBody) -> ChatPrompt:
    """The conversation. Raises INVALID_REQUEST."""
    attachments = Attachments()
    return ChatPrompt(
        messages=tuple(_message(index, message, attachments) for index, message in enumerate(body.messages)),
        media=tuple(attachments.parts),
        tools=tuple(msgspec.to_builtins(tool) for tool in body.tools or ()),
        template_arguments=_template_arguments(body),
    )


def _message(index: int, given: InputMessage, attachments: Attachments) -> Message:
    content = _seen(given.content, given.images, f"messages[{index}].images", attachments)
    calls = tuple(
        {
            "id": call.id or f"call_{index}",
            "type": "function",
            "function": {"name": call.function.name, "arguments": json.dumps(call.function.arguments or {})},
        }
        for index, call in enumerate(given.tool_calls or ())
    )
    return Message(
        role=given.role,
        content=content if content or not calls else None,
        name=given.tool_name,
        reasoning_content=given.thinking,
        tool_calls=calls or None,
        tool_call_id=given.tool_call_id,
    )


def _seen(text: str, images: list[str] | None, place: str, attachments: Attachments) -> str:
    """The text with the markers of its images before it, where Ollama puts them."""
    markers = [attachments.encoded("image", data, f"{place}[{number}]") for number, data in enumerate(images or ())]
    return "".join((*markers, text))


def _sampling(options: Options) -> Sampling:
    seed = options.seed
    window = options.repeat_last_n
    given: dict[str, Any] = {
        "temperature": options.temperature,
        "top_k": options.top_k,
        "top_p": options.top_p,
        "min_p": options.min_p,
        "typical_p": options.typical_p,
        "repetition_penalty": options.repeat_penalty,
        "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty,
        "penalty_window_tokens": None if window is None or window < 0 else window,
        "mirostat": options.mirostat,
        "mirostat_tau": options.mirostat_tau,
        "mirostat_eta": options.mirostat_eta,
        "seed": None if seed is None or seed < 0 else seed % _SEED_VALUES,
    }
    return Sampling(**{name: value for name, value in given.items() if value is not None})


def _template_arguments(body: GenerationFields) -> dict[str, Any]:
    if body.think is None:
        return {}
    if isinstance(body.think, bool):
        return {"enable_thinking": body.think}
    return {"enable_thinking": True, "reasoning_effort": body.think}


def _form(wanted: str | dict[str, Any] | None) -> JsonSchema | None:
    if isinstance(wanted, dict):
        return JsonSchema(schema=wanted)
    if wanted in (None, ""):
        return None
    if wanted != "json":
        raise CrofterError(ErrorCode.INVALID_REQUEST, "format is json or a JSON schema", parameter="format")
    return JsonSchema(schema={})
