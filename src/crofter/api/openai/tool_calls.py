"""Calls of tools as OpenAI clients read them, and what a request says of them."""

import secrets
from typing import Any

import msgspec

from crofter.api.tools import GrowingCalls, Tool, checked_choice
from crofter.core import CrofterError, ErrorCode, ToolCallDelta, ToolChoice

from .wire import ChatCompletionBody, ChosenTool, FunctionName


class CalledFunction(msgspec.Struct, kw_only=True):
    name: str
    arguments: str


class ToolCall(msgspec.Struct, kw_only=True):
    id: str
    type: str = "function"
    function: CalledFunction


def call_id() -> str:
    """A fresh id: letters and digits only, as some chat templates insist."""
    return f"call_{secrets.token_hex(12)}"


def tool_calls(growing: GrowingCalls) -> list[ToolCall] | None:
    """Calls as part of a whole message; None if there are none."""
    calls = [
        ToolCall(id=call_id(), function=CalledFunction(name=call.name, arguments=call.arguments))
        for call in growing.whole()
    ]
    return calls or None


def streamed_call(delta: ToolCallDelta) -> list[dict[str, Any]]:
    """One delta as `tool_calls` of a stream: a call opens without arguments, fragments of them follow."""
    fragments: list[dict[str, Any]] = []
    if delta.name:
        function = {"name": delta.name, "arguments": ""}
        fragments.append({"index": delta.index, "id": call_id(), "type": "function", "function": function})
    if delta.arguments:
        fragments.append({"index": delta.index, "function": {"arguments": delta.arguments}})
    return fragments


def tools_of(body: ChatCompletionBody) -> tuple[dict[str, Any], ...]:
    """The tools that may be called, as core.ChatPrompt has them; those of the older `functions` field are wrapped."""
    if body.tool_choice == "none" or (body.tool_choice is None and body.function_call == "none"):
        return ()
    tools = body.tools or [Tool(function=function) for function in body.functions or ()]
    chosen = body.tool_choice
    if isinstance(chosen, ChosenTool) and chosen.allowed_tools is not None:
        names = {tool.function.name for tool in chosen.allowed_tools.tools}
        tools = [tool for tool in tools if tool.function.name in names]
    return tuple(msgspec.to_builtins(tool) for tool in tools)


def tool_choice(body: ChatCompletionBody, tools: tuple[dict[str, Any], ...]) -> ToolChoice:
    """What `tool_choice` and `parallel_tool_calls` say. Raises INVALID_REQUEST for one that is not among `tools`."""
    return checked_choice(_choice(body), tools)


def _choice(body: ChatCompletionBody) -> ToolChoice:
    parallel = body.parallel_tool_calls is not False
    chosen, older = body.tool_choice, body.function_call
    if chosen == "required":
        return ToolChoice(required=True, parallel=parallel)
    if isinstance(chosen, ChosenTool) and chosen.function is not None:
        return ToolChoice(required=True, name=chosen.function.name, parallel=False)
    if isinstance(chosen, ChosenTool) and chosen.allowed_tools is not None:
        return ToolChoice(required=chosen.allowed_tools.mode == "required", parallel=parallel)
    if isinstance(chosen, ChosenTool):
        message = "tool_choice is none, auto, required, or the function to call"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="tool_choice")
    if chosen is None and isinstance(older, FunctionName):
        return ToolChoice(required=True, name=older.name, parallel=False)
    return ToolChoice(parallel=parallel)
