"""What clients of `/v1/responses` read: a response and the items of its output."""

import secrets
import time
from typing import Any

import msgspec

from crofter.api.openai.replies import CachedTokens, ChatLogprobWithTop, ReasoningTokens
from crofter.api.provenance import Extension
from crofter.core import Usage

from .wire import InputItem, ResponsesBody


def new_id(prefix: str) -> str:
    """A fresh id such as `resp_…`."""
    return f"{prefix}_{secrets.token_hex(16)}"


class TextPart(msgspec.Struct, kw_only=True):
    """The text of a message, or of thinking, which goes without the last two fields."""

    type: str
    text: str = ""
    annotations: list[Any] | msgspec.UnsetType = msgspec.UNSET
    logprobs: list[ChatLogprobWithTop] | msgspec.UnsetType = msgspec.UNSET


class OutputItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Thinking, a message or a call; what it has none of is left out."""

    id: str
    type: str
    status: str | None = None
    role: str | None = None
    summary: list[Any] | None = None
    content: list[TextPart] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None

    def as_input(self) -> InputItem:
        """The item as part of a later request."""
        return msgspec.convert(msgspec.to_builtins(self), InputItem)


def thinking_item() -> OutputItem:
    """Thinking that begins."""
    return OutputItem(id=new_id("rs"), type="reasoning", summary=[], content=[])


def message_item() -> OutputItem:
    """A message that begins."""
    return OutputItem(id=new_id("msg"), type="message", status="in_progress", role="assistant", content=[])


def call_item(name: str) -> OutputItem:
    """A call that begins."""
    return OutputItem(
        id=new_id("fc"), type="function_call", status="in_progress", call_id=new_id("call"), name=name, arguments=""
    )


def output_text(text: str, logprobs: list[ChatLogprobWithTop]) -> TextPart:
    """Text of a message, and its tokens if they were asked for."""
    return TextPart(type="output_text", text=text, annotations=[], logprobs=logprobs)


class ResponseUsage(msgspec.Struct, frozen=True, kw_only=True):
    input_tokens: int
    input_tokens_details: CachedTokens
    output_tokens: int
    output_tokens_details: ReasoningTokens
    total_tokens: int


def response_usage(usage: Usage) -> ResponseUsage:
    """Token counts as they are named here."""
    return ResponseUsage(
        input_tokens=usage.prompt_tokens,
        input_tokens_details=CachedTokens(usage.cached_tokens),
        output_tokens=usage.completion_tokens,
        output_tokens_details=ReasoningTokens(usage.reasoning_tokens),
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
    )


class Response(msgspec.Struct, kw_only=True):
    """The whole object; most of it says again what was asked."""

    id: str
    object: str = "response"
    created_at: int
    status: str
    error: dict[str, Any] | None = None
    incomplete_details: dict[str, Any] | None = None
    instructions: str | None
    max_output_tokens: int | None
    model: str
    output: list[OutputItem]
    parallel_tool_calls: bool
    previous_response_id: str | None
    reasoning: dict[str, Any]
    store: bool
    temperature: float | None
    text: dict[str, Any]
    tool_choice: Any
    tools: list[Any]
    top_logprobs: int
    top_p: float | None
    truncation: str
    usage: ResponseUsage | None = None
    user: str | None
    metadata: dict[str, Any]
    crofter: Extension | msgspec.UnsetType = msgspec.UNSET


def begun_response(body: ResponsesBody, model_name: str) -> Response:
    """The response before its first token."""
    return Response(
        id=new_id("resp"),
        created_at=int(time.time()),
        status="in_progress",
        instructions=body.instructions,
        max_output_tokens=body.max_output_tokens,
        model=model_name,
        output=[],
        parallel_tool_calls=body.parallel_tool_calls is not False,
        previous_response_id=body.previous_response_id,
        reasoning={"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
        store=body.store is not False,
        temperature=1.0 if body.temperature is None else body.temperature,
        text={"format": msgspec.to_builtins(body.text.format) if body.text and body.text.format else {"type": "text"}},
        tool_choice=msgspec.to_builtins(body.tool_choice) if body.tool_choice is not None else "auto",
        tools=[msgspec.to_builtins(tool) for tool in body.tools or ()],
        top_logprobs=body.top_logprobs or 0,
        top_p=1.0 if body.top_p is None else body.top_p,
        truncation=body.truncation or "disabled",
        user=body.user,
        metadata=body.metadata or {},
    )
