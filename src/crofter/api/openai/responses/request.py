"""From items to our values. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from crofter.api.media import Attachments
from crofter.api.openai.wire import SoundData
from crofter.api.provenance import IgnoredTool
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

from .wire import ChosenTool, Content, InputItem, ResponsesBody, TokensBody

_LOGPROBS = "message.output_text.logprobs"
_TEXTS = frozenset({"input_text", "output_text", "text", "reasoning_text", "summary_text", "refusal"})


def items_of(given: str | list[InputItem] | None) -> list[InputItem]:
    """The items a request brings. Raises INVALID_REQUEST without any."""
    if isinstance(given, str):
        return [InputItem(role="user", content=given)]
    if not given:
        raise CrofterError(ErrorCode.INVALID_REQUEST, "input is missing", parameter="input")
    return given


def generation_request(
    body: ResponsesBody, items: Sequence[InputItem], timeout_seconds: float | None
) -> GenerationRequest:
    """What a response asks for; `items` are those of the whole conversation. Raises INVALID_REQUEST or UNSUPPORTED naming the field."""
    return GenerationRequest(
        request_id=new_request_id(),
        model=body.model or "",
        prompt=chat_prompt(body, items),
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p),
        max_tokens=body.max_output_tokens,
        thinking_tokens=0 if body.reasoning is not None and body.reasoning.effort == "none" else None,
        constraint=_form(body),
        top_logprobs=_top_logprobs(body),
        timeout_seconds=timeout_seconds,
    )


def chat_prompt(body: TokensBody, items: Sequence[InputItem]) -> ChatPrompt:
    """The conversation. Raises INVALID_REQUEST or UNSUPPORTED naming the field."""
    system = [Message(role="system", content=body.instructions)] if body.instructions else []
    tools, attachments = _tools(body), Attachments()
    arguments = {} if body.reasoning is None or body.reasoning.effort is None else _thinking(body.reasoning.effort)
    return ChatPrompt(
        messages=tuple(_joined([*system, *(message for item in items for message in _messages(item, attachments))])),
        media=tuple(attachments.parts),
        tools=tools,
        tool_choice=_tool_choice(body, tools),
        template_arguments=arguments,
    )


def _thinking(effort: str) -> dict[str, Any]:
    return {"enable_thinking": False} if effort == "none" else {"reasoning_effort": effort}


def _messages(item: InputItem, attachments: Attachments) -> Iterable[Message]:
    match item.type:
        case "message":
            role = "system" if item.role == "developer" else item.role or "user"
            if role not in {"system", "user", "assistant"}:
                raise CrofterError(
                    ErrorCode.INVALID_REQUEST, f"input: there is no role {role[:32]!r}", parameter="input"
                )
            yield Message(role=role, content=_text(item.content, attachments))
        case "function_call":
            function = {"name": item.name or "", "arguments": item.arguments or "{}"}
            call = {"id": item.call_id or "", "type": "function", "function": function}
            yield Message(role="assistant", tool_calls=(call,))
        case "function_call_output":
            yield Message(role="tool", content=_text(item.output, attachments), tool_call_id=item.call_id)
        case "reasoning":
            if thought := _text(item.content, attachments):
                yield Message(role="assistant", reasoning_content=thought)
        case _:
            message = f"input has an item of type {item.type[:32]!r}, which is not supported here"
            raise CrofterError(ErrorCode.UNSUPPORTED, message, parameter="input")


def _text(content: str | list[Content] | None, attachments: Attachments) -> str:
    if not isinstance(content, list):
        return content or ""
    return "".join(_part(part, attachments) for part in content)


def _part(part: Content, attachments: Attachments) -> str:
    match part:
        case Content(type="input_image", image_url=str(url)):
            return attachments.url("image", url, "input")
        case Content(type="input_audio", input_audio=SoundData(data=data)):
            return attachments.encoded("audio", data, "input")
        case Content(type=kind) if kind in _TEXTS:
            return part.text or ""
        case _:
            message = f"input has content of type {part.type[:32]!r}, or not whole, which is not supported here"
            raise CrofterError(ErrorCode.UNSUPPORTED, message, parameter="input")


def _joined(messages: Iterable[Message]) -> list[Message]:
    """Thinking, text and calls of one turn are items of their own here, and one message to a chat template."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        if (
            last is None
            or last.role != "assistant"
            or message.role != "assistant"
            or (last.content and message.content)
        ):
            joined.append(message)
            continue
        joined[-1] = msgspec.structs.replace(
            last,
            content=last.content or message.content,
            reasoning_content=last.reasoning_content or message.reasoning_content,
            tool_calls=(*(last.tool_calls or ()), *(message.tool_calls or ())) or None,
        )
    return joined


def _tools(body: TokensBody) -> tuple[dict[str, Any], ...]:
    if body.tool_choice == "none":
        return ()
    chosen = body.tool_choice
    allowed: set[str | None] | None = None
    if isinstance(chosen, ChosenTool) and chosen.type == "allowed_tools":
        allowed = {tool.name for tool in chosen.tools or ()}
    tools: list[dict[str, Any]] = []
    for index, tool in enumerate(body.tools or ()):
        if tool.type != "function":
            continue  # Clients offer such to any node; the reply names them, and the model is not shown them.
        if not tool.name:
            place = f"tools[{index}].name"
            raise CrofterError(ErrorCode.INVALID_REQUEST, f"{place} is missing", parameter=place)
        if allowed is None or tool.name in allowed:
            given = {"description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
            function = {"name": tool.name, **{key: value for key, value in given.items() if value is not None}}
            tools.append({"type": "function", "function": function})
    return tuple(tools)


def ignored_tools(body: TokensBody) -> tuple[IgnoredTool, ...]:
    """Those that `_tools` passes over."""
    reason = "only functions can be called here; this kind runs on OpenAI's servers or groups others"
    return tuple(
        IgnoredTool(type=tool.type, name=tool.name, reason=reason)
        for tool in body.tools or ()
        if tool.type != "function"
    )


def _tool_choice(body: TokensBody, tools: Sequence[dict[str, Any]]) -> ToolChoice:
    parallel = body.parallel_tool_calls is not False
    chosen = body.tool_choice
    if chosen in (None, "none", "auto"):
        return ToolChoice(parallel=parallel)
    if isinstance(chosen, ChosenTool) and chosen.type == "function":
        choice = ToolChoice(required=True, name=chosen.name or "", parallel=False)
    elif isinstance(chosen, ChosenTool) and chosen.type == "allowed_tools":
        choice = ToolChoice(required=chosen.mode == "required", parallel=parallel)
    elif chosen == "required":
        choice = ToolChoice(required=True, parallel=parallel)
    else:
        raise CrofterError(
            ErrorCode.UNSUPPORTED, "tool_choice names a tool this node does not have", parameter="tool_choice"
        )
    return checked_choice(choice, tools)


def _top_logprobs(body: ResponsesBody) -> int | None:
    if _LOGPROBS in (body.include or ()):
        return body.top_logprobs or 0
    if body.top_logprobs:
        message = f'top_logprobs needs include: ["{_LOGPROBS}"]'
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="top_logprobs")
    return None


def _form(body: TokensBody) -> JsonSchema | None:
    wanted = body.text.format if body.text is not None else None
    if wanted is None or wanted.type == "text":
        return None
    return JsonSchema(schema=wanted.schema or {} if wanted.type == "json_schema" else {})
