"""From Anthropic's messages to our values. Pure."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from crofter.api.media import Attachments
from crofter.api.tools import checked_choice
from crofter.core import (
    ChatPrompt,
    CrofterError,
    ErrorCode,
    GenerationRequest,
    JsonSchema,
    Message,
    Sampling,
    ToolChoice,
    new_request_id,
)

from .wire import Block, CountBody, InputMessage, InputTool, MessagesBody

_BILLING = "x-anthropic-billing-header"
"""How a system block of Claude Code begins that differs in every request; kept, it would make every prefix a new one."""


def generation_request(body: MessagesBody, timeout_seconds: float | None) -> GenerationRequest:
    """What a message asks for. Raises INVALID_REQUEST or UNSUPPORTED."""
    return GenerationRequest(
        request_id=new_request_id(),
        model=body.model or "",
        prompt=chat_prompt(body),
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p, top_k=body.top_k),
        max_tokens=body.max_tokens,
        shortens_to_fit=True,  # Here it is a limit that every request has to name, not a wish.
        thinking_tokens=_thinking_tokens(body),
        stop=tuple(text for text in body.stop_sequences or () if text),
        constraint=_form(body),
        timeout_seconds=timeout_seconds,
    )


def chat_prompt(body: CountBody) -> ChatPrompt:
    """The conversation. Raises INVALID_REQUEST or UNSUPPORTED naming the field."""
    messages: list[Message] = []
    attachments = Attachments()
    system = [body.system] if isinstance(body.system, str) else [block.text or "" for block in body.system or ()]
    if kept := [text for text in system if text and not text.startswith(_BILLING)]:
        messages.append(Message(role="system", content="\n\n".join(kept)))
    for index, message in enumerate(body.messages):
        messages.extend(_messages(message, f"messages[{index}].content", attachments))
    tools = _tools(body)
    return ChatPrompt(
        messages=tuple(messages),
        media=tuple(attachments.parts),
        tools=tools,
        tool_choice=_tool_choice(body, tools),
        template_arguments=_template_arguments(body),
    )


def _messages(message: InputMessage, place: str, attachments: Attachments) -> Iterator[Message]:
    blocks = [Block(type="text", text=message.content)] if isinstance(message.content, str) else message.content
    if message.role == "assistant":
        yield _assistant(blocks, place, attachments)
        return
    for block in blocks:
        if block.type == "tool_result":
            content = _result(block, place, attachments)
            yield Message(role="tool", content=content, tool_call_id=block.tool_use_id)
    rest = [block for block in blocks if block.type != "tool_result"]
    if rest or not blocks:
        yield Message(role=message.role, content=_joined(rest, place, attachments))


def _assistant(blocks: Iterable[Block], place: str, attachments: Attachments) -> Message:
    kept: list[Block] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for block in blocks:
        if block.type == "thinking":
            thoughts.append(block.thinking or "")
        elif block.type == "tool_use":
            function = {"name": block.name or "", "arguments": json.dumps(block.input or {}, ensure_ascii=False)}
            calls.append({"id": block.id or "", "type": "function", "function": function})
        elif block.type != "redacted_thinking":
            kept.append(block)
    return Message(
        role="assistant",
        content=_joined(kept, place, attachments) if kept or not calls else None,
        reasoning_content="\n".join(thoughts) or None,
        tool_calls=tuple(calls) or None,
    )


def _joined(blocks: Iterable[Block], place: str, attachments: Attachments) -> str:
    return "\n".join(_text(block, place, attachments) for block in blocks)


def _text(block: Block, place: str, attachments: Attachments) -> str:
    if block.type == "text" and block.text is not None:
        return block.text
    source = block.source
    if block.type == "image" and source is not None and source.type == "base64":
        return attachments.encoded("image", source.data, place)
    if block.type == "image" and source is not None and source.type == "url":
        return attachments.url("image", source.url, place)
    if block.type == "document" and source is not None and source.type == "text" and source.data is not None:
        return f"{block.title}\n{source.data}" if block.title else source.data
    raise CrofterError(
        ErrorCode.UNSUPPORTED,
        f"{place} has a block of type {block.type[:32]!r}, which is not supported here",
        parameter=place,
    )


def _result(block: Block, place: str, attachments: Attachments) -> str:
    content = block.content
    text = content if isinstance(content, str) else _joined(content or (), place, attachments)
    return f"Error: {text}" if block.is_error else text


def _tools(body: CountBody) -> tuple[dict[str, Any], ...]:
    if body.tool_choice is not None and body.tool_choice.type == "none":
        return ()
    return tuple(_tool(index, tool) for index, tool in enumerate(body.tools or ()))


def _tool(index: int, tool: InputTool) -> dict[str, Any]:
    if tool.type not in {None, "custom"}:
        message = f"tools[{index}]: {tool.name!r} is a tool of Anthropic's servers; this node has only the client's own"
        raise CrofterError(ErrorCode.UNSUPPORTED, message, parameter=f"tools[{index}].type")
    given = {"description": tool.description, "parameters": tool.input_schema, "strict": tool.strict}
    function = {"name": tool.name, **{key: value for key, value in given.items() if value is not None}}
    return {"type": "function", "function": function}


def _tool_choice(body: CountBody, tools: tuple[dict[str, Any], ...]) -> ToolChoice:
    chosen = body.tool_choice
    if chosen is None or chosen.type == "none":
        return ToolChoice()
    parallel = chosen.disable_parallel_tool_use is not True
    if chosen.type == "auto":
        return ToolChoice(parallel=parallel)
    if chosen.type == "any":
        return checked_choice(ToolChoice(required=True, parallel=parallel), tools)
    return checked_choice(ToolChoice(required=True, name=chosen.name or "?", parallel=False), tools)


def _thinking_tokens(body: CountBody) -> int | None:
    if body.thinking is None:
        return None
    return 0 if body.thinking.type == "disabled" else body.thinking.budget_tokens


def _template_arguments(body: CountBody) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if body.thinking is not None:
        arguments["enable_thinking"] = body.thinking.type != "disabled"
    if body.output_config is not None and body.output_config.effort is not None:
        arguments["reasoning_effort"] = body.output_config.effort
    return arguments


def _form(body: MessagesBody) -> JsonSchema | None:
    wanted = body.output_format or (body.output_config.format if body.output_config is not None else None)
    if wanted is None or wanted.type != "json_schema":
        return None
    return JsonSchema(schema=wanted.schema or {})
