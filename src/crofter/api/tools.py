"""Tools as OpenAI describes them, which Ollama took over, and what all dialects check of them."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from crofter.core import CrofterError, ErrorCode, ToolChoice


class ToolFunction(msgspec.Struct, omit_defaults=True):
    """A function that the model may call."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct):
    function: ToolFunction
    type: Literal["function"] = "function"


def checked_choice(choice: ToolChoice, tools: Iterable[dict[str, Any]]) -> ToolChoice:
    """The choice, if there is what it asks for among the tools of a core.ChatPrompt. Raises INVALID_REQUEST."""
    names = {tool["function"]["name"] for tool in tools}
    if (choice.required and not names) or (choice.name and choice.name not in names):
        message = f"tool_choice asks for {choice.name or 'a call'}, which is not among the tools"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="tool_choice")
    return choice
