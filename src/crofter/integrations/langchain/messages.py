"""Between LangChain's messages and a node's. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, UsageMetadata, convert_to_openai_messages
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from crofter.client import Delta, Reply
from crofter.core import Usage


def conversation(messages: Sequence[BaseMessage]) -> list[dict[str, object]]:
    """The messages as a node reads them; of what a model said before, its text and its calls."""
    said = [
        message.model_copy(update={"content": str(message.text)}) if isinstance(message, AIMessage) else message
        for message in messages
    ]
    return cast(list[dict[str, object]], convert_to_openai_messages(said))


def chosen_tool(choice: str | bool | Mapping[str, Any] | None) -> str | Mapping[str, Any] | None:
    """A choice of tools as the node's API says it."""
    if choice in (None, False):
        return None
    if choice in (True, "any"):
        return "required"
    if isinstance(choice, str) and choice not in {"auto", "none", "required"}:
        return {"type": "function", "function": {"name": choice}}
    return choice


def generated(delta: Delta) -> ChatGenerationChunk:
    """What one step of a stream brings."""
    calls = [
        tool_call_chunk(name=call.name or None, args=call.arguments, id=call.id or None, index=call.index)
        for call in delta.tool_calls
    ]
    thought = {"reasoning_content": delta.reasoning} if delta.reasoning else {}
    return ChatGenerationChunk(
        message=AIMessageChunk(content=delta.text, tool_call_chunks=calls, additional_kwargs=thought)
    )


def ended(reply: Reply) -> ChatGenerationChunk:
    """What is known once all is there: counts, and where it came from."""
    metadata: dict[str, Any] = {
        "model_name": reply.model,
        "model_provider": "crofter",
        "finish_reason": reply.finish_reason,
        "provenance": msgspec.to_builtins(reply.provenance),
        "timings": msgspec.to_builtins(reply.timings),
    }
    usage = None if reply.usage is None else _usage(reply.usage)
    message = AIMessageChunk(content="", response_metadata=metadata, usage_metadata=usage, chunk_position="last")
    return ChatGenerationChunk(message=message, generation_info={"finish_reason": reply.finish_reason})


def _usage(usage: Usage) -> UsageMetadata:
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        input_token_details={"cache_read": usage.cached_tokens},
        output_token_details={"reasoning": usage.reasoning_tokens},
    )
