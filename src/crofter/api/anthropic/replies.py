"""What Anthropic's clients read: a message and its blocks."""

import secrets
from typing import Any

import msgspec

from crofter.api.provenance import Extension
from crofter.core import Chunk, Usage


class UsageReply(msgspec.Struct, kw_only=True):
    """`input_tokens` are those computed; what the prefix cache held is counted apart."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0


class TextBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="text"):
    text: str = ""


class ThinkingBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="thinking"):
    thinking: str = ""
    signature: str = ""


class ToolUseBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: Any


ReplyBlock = TextBlock | ThinkingBlock | ToolUseBlock


class MessageReply(msgspec.Struct, kw_only=True):
    id: str
    type: str = "message"
    role: str = "assistant"
    model: str
    content: list[ReplyBlock]
    stop_reason: str | None
    stop_sequence: str | None
    usage: UsageReply
    crofter: Extension
    """Ours; Anthropic's clients keep fields they do not know."""


def message_id() -> str:
    """A fresh id of a reply."""
    return f"msg_{secrets.token_hex(12)}"


def tool_use_id() -> str:
    """A fresh id of a call."""
    return f"toolu_{secrets.token_hex(12)}"


def usage_reply(usage: Usage) -> UsageReply:
    """Token counts as this dialect names them."""
    return UsageReply(
        input_tokens=usage.prompt_tokens - usage.cached_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_input_tokens=usage.cached_tokens,
    )


def stop_reason(chunk: Chunk, max_tokens: int | None, completion_tokens: int) -> str:
    """Why the last chunk was the last one."""
    if chunk.stop_string is not None:
        return "stop_sequence"
    if chunk.finish_reason == "tool_calls":
        return "tool_use"
    if chunk.finish_reason != "length":
        return "end_turn"
    was_cut = max_tokens is None or completion_tokens < max_tokens
    return "model_context_window_exceeded" if was_cut else "max_tokens"
