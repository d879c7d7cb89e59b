"""Tools for models whose chat template knows none: told in the system message, and calls and results as text of the conversation."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from crofter.core import ChatPrompt, Message

_INTRODUCTION = """You can call functions. They are:
{tools}
To call one, answer with nothing but this, once for each call:
<tool_call>
{{"name": "the function's name", "arguments": {{"parameter": "value"}}}}
</tool_call>
The results come in the next message. Call a function only if it helps to answer."""


def told_in_words(prompt: ChatPrompt) -> ChatPrompt:
    """The same conversation without tools, calls and results as such. The order of messages stays as it is."""
    tools = "\n".join(json.dumps(tool.get("function", tool), ensure_ascii=False) for tool in prompt.tools)
    messages = [_in_words(message) for message in prompt.messages]
    introduction = _INTRODUCTION.format(tools=tools)
    if messages and messages[0].role == "system":
        messages[0] = msgspec.structs.replace(
            messages[0], content=f"{messages[0].content or ''}\n\n{introduction}".strip()
        )
    else:
        messages.insert(0, Message(role="system", content=introduction))
    return msgspec.structs.replace(prompt, messages=tuple(_joined(messages)), tools=())


def _in_words(message: Message) -> Message:
    if message.role == "tool":
        return Message(role="user", content=f"<tool_response>\n{message.content or ''}\n</tool_response>")
    if not message.tool_calls:
        return message
    calls = "\n".join(f"<tool_call>\n{_written(call)}\n</tool_call>" for call in message.tool_calls)
    return Message(role=message.role, content=f"{message.content or ''}\n{calls}".strip())


def _written(call: Mapping[str, Any]) -> str:
    function: Mapping[str, Any] = call.get("function") or {}
    return json.dumps(
        {"name": function.get("name"), "arguments": parsed_arguments(function.get("arguments"))}, ensure_ascii=False
    )


def _joined(messages: list[Message]) -> list[Message]:
    """Several results in a row become one message: many templates want the roles to alternate."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        if last is not None and last.role == message.role == "user":
            joined[-1] = msgspec.structs.replace(last, content=f"{last.content or ''}\n{message.content or ''}")
        else:
            joined.append(message)
    return joined


def parsed_arguments(arguments: object) -> object:
    """Arguments as an object, when they are the text of one; else as they are."""
    if not isinstance(arguments, str):
        return arguments or {}
    try:
        parsed: object = json.loads(arguments or "{}")
    except ValueError:
        return arguments
    return parsed if isinstance(parsed, dict) else arguments  # pyright: ignore[reportUnknownVariableType]


def written_arguments(arguments: object) -> str:
    """Arguments as the text of an object."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
