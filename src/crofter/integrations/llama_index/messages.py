"""Between LlamaIndex's messages and a node's. Pure."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from crofter.client import Reply
from crofter.core import CrofterError, ErrorCode

_ROLES = {MessageRole.DEVELOPER: "system", MessageRole.MODEL: "assistant", MessageRole.CHATBOT: "assistant"}


def conversation(messages: Sequence[ChatMessage]) -> list[dict[str, object]]:
    """The messages as a node reads them. Raises UNSUPPORTED for what is neither text, image nor call."""
    return [_message(message) for message in messages]


def _message(message: ChatMessage) -> dict[str, object]:
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for block in message.blocks:
        match block:
            case TextBlock():
                parts.append({"type": "text", "text": block.text})
            case ImageBlock():
                parts.append({"type": "image_url", "image_url": {"url": _address(block)}})
            case ToolCallBlock():
                calls.append(_call(block))
            case ThinkingBlock():
                pass  # A model's own thoughts are not shown to it again.
            case _:
                raise CrofterError(ErrorCode.UNSUPPORTED, f"a message with a {block.block_type} is not supported")
    is_text = all(part["type"] == "text" for part in parts)
    said: dict[str, object] = {
        "role": _ROLES.get(message.role, message.role.value),
        "content": "\n".join(part["text"] for part in parts) if is_text else parts,
    }
    if calls:
        said["tool_calls"] = calls
    if "tool_call_id" in message.additional_kwargs:
        said["tool_call_id"] = message.additional_kwargs["tool_call_id"]
    return said


def _address(block: ImageBlock) -> str:
    if block.url is not None:
        return str(block.url)
    data: bytes = block.resolve_image(as_base64=True).read()
    return f"data:{block.image_mimetype or 'image/png'};base64,{data.decode()}"


def _call(block: ToolCallBlock) -> dict[str, Any]:
    given = block.tool_kwargs
    function = {"name": block.tool_name, "arguments": given if isinstance(given, str) else json.dumps(given)}
    return {"id": block.tool_call_id or "", "type": "function", "function": function}


def response(reply: Reply, delta: str | None = None) -> ChatResponse:
    """A reply, as far as it has come; `raw` is all that the client knows of it."""
    blocks: list[Any] = [ThinkingBlock(content=reply.reasoning)] if reply.reasoning else []
    if reply.text or not reply.tool_calls:
        blocks.append(TextBlock(text=reply.text))
    # Calls that are not whole, yet or because the answer was cut off, keep their arguments as text.
    is_whole = reply.finish_reason == "tool_calls"
    blocks += [
        ToolCallBlock(
            tool_call_id=call.id, tool_name=call.name, tool_kwargs=call.parsed() if is_whole else call.arguments
        )
        for call in reply.tool_calls
    ]
    usage = reply.usage
    counted = (
        {}
        if usage is None
        else {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        }
    )
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks),
        delta=delta,
        raw=msgspec.to_builtins(reply),
        additional_kwargs=counted,
    )
