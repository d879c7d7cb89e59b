"""`POST /v1/chat/completions`: from OpenAI's messages to a request, and from chunks to the whole reply."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.media import Attachments
from crofter.api.provenance import Extension, provenance_headers
from crofter.api.replies import SSE, JsonReply, StreamReply, until_disconnect
from crofter.api.services import Services
from crofter.api.tools import GrowingCalls
from crofter.core import ChatPrompt, Chunk, CrofterError, ErrorCode, GenerationRequest, Message, TokenLogprob

from .chat_stream import ChatStream
from .fields import completion_id, generation_request
from .replies import ChatLogprobs, Tally, UsageReply, chat_logprobs
from .tool_calls import ToolCall, tool_calls, tool_choice, tools_of
from .wire import ChatCompletionBody, ChatMessage, ContentPart, ImageAddress, SoundData


class AssistantMessage(msgspec.Struct, kw_only=True, omit_defaults=True):
    role: str
    content: str | None
    refusal: str | None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None


class ChatChoice(msgspec.Struct, kw_only=True):
    index: int
    message: AssistantMessage
    logprobs: ChatLogprobs | None
    finish_reason: str


class ChatCompletion(msgspec.Struct, kw_only=True):
    id: str
    object: str = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: UsageReply
    crofter: Extension


class ChatCompletions:
    """The route."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, call: Call) -> App:
        """Parse, choose the way, and answer in one piece or as a stream."""
        services = self._services
        body = await call.body(ChatCompletionBody)
        turn, chunks = await services.inference.open(chat_request(services, body), call.asker)
        headers = provenance_headers(turn.provenance)
        reply_id, created = completion_id("chatcmpl"), int(time.time())
        choices, with_logprobs = turn.request.choices, turn.request.top_logprobs is not None
        if not body.stream:
            answer = CollectedChat(choices, with_logprobs=with_logprobs)
            await until_disconnect(call.receive, lambda: answer.collect(chunks))
            completion = ChatCompletion(
                id=reply_id,
                created=created,
                model=turn.provenance.model_name,
                choices=answer.choices(),
                usage=answer.tally.usage(),
                crofter=answer.tally.extension(turn.provenance),
            )
            return JsonReply(completion, headers=headers)
        stream = ChatStream(
            reply_id=reply_id,
            created=created,
            provenance=turn.provenance,
            choices=choices,
            include_usage=bool(body.stream_options and body.stream_options.include_usage),
            logprobs=with_logprobs,
        )
        return StreamReply(
            SSE,
            [stream.events(chunks)],
            tail=stream.tail,
            headers=headers,
            keep_alive_seconds=services.settings.keep_alive_seconds,
            timeout_seconds=services.settings.request_timeout_seconds,
        )


class CollectedChat:
    """The choices of one turn while they grow."""

    def __init__(self, choices: int, *, with_logprobs: bool) -> None:
        self.tally = Tally(choices)
        self._texts: list[list[str]] = [[] for _ in range(choices)]
        self._reasonings: list[list[str]] = [[] for _ in range(choices)]
        self._calls = [GrowingCalls() for _ in range(choices)]
        self._logprobs: list[list[TokenLogprob]] = [[] for _ in range(choices)]
        self._finish_reasons = ["stop"] * choices
        self._with_logprobs = with_logprobs

    async def collect(self, chunks: AsyncGenerator[Chunk]) -> None:
        """Take chunks to the end; a turn that ends without an error has finished every choice."""
        async with aclosing(chunks):
            async for chunk in chunks:
                self._texts[chunk.choice].append(chunk.text)
                self._reasonings[chunk.choice].append(chunk.reasoning)
                self._calls[chunk.choice].add(chunk.tool_calls)
                self._logprobs[chunk.choice].extend(chunk.logprobs)
                if chunk.finish_reason is not None:
                    self._finish_reasons[chunk.choice] = chunk.finish_reason
                self.tally.add(chunk)

    def choices(self) -> list[ChatChoice]:
        return [
            ChatChoice(
                index=index,
                message=self._message(index),
                logprobs=chat_logprobs(self._logprobs[index]) if self._with_logprobs else None,
                finish_reason=self._finish_reasons[index],
            )
            for index in range(len(self._texts))
        ]

    def _message(self, index: int) -> AssistantMessage:
        text, calls = "".join(self._texts[index]), tool_calls(self._calls[index])
        return AssistantMessage(
            role="assistant",
            content=None if calls and not text else text,
            refusal=None,
            reasoning_content="".join(self._reasonings[index]) or None,
            tool_calls=calls,
        )


def chat_request(services: Services, body: ChatCompletionBody) -> GenerationRequest:
    """What a chat completion asks for. Raises INVALID_REQUEST, UNSUPPORTED or NOT_FOUND naming the field."""
    if body.top_logprobs and not body.logprobs:
        raise CrofterError(ErrorCode.INVALID_REQUEST, "top_logprobs needs logprobs: true", parameter="top_logprobs")
    tools, attachments = tools_of(body), Attachments()
    prompt = ChatPrompt(
        messages=tuple(_message(index, message, attachments) for index, message in enumerate(body.messages)),
        media=tuple(attachments.parts),
        tools=tools,
        tool_choice=tool_choice(body, tools),
        template_arguments=_template_arguments(body),
    )
    request = generation_request(
        services,
        body,
        prompt,
        max_tokens=body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens,
        top_logprobs=(body.top_logprobs or 0) if body.logprobs else None,
    )
    thinking_tokens = _thinking_tokens(body)
    return request if thinking_tokens is None else msgspec.structs.replace(request, thinking_tokens=thinking_tokens)


def _message(index: int, given: ChatMessage, attachments: Attachments) -> Message:
    content = given.content
    if isinstance(content, list):
        content = _joined(index, content, attachments)
    if content is None and given.role != "assistant":
        place = f"messages[{index}].content"
        raise CrofterError(ErrorCode.INVALID_REQUEST, f"{place} is missing", parameter=place)
    return Message(
        role="system" if given.role == "developer" else given.role,
        content=content,
        name=given.name,
        reasoning_content=given.reasoning_content,
        tool_calls=None if given.tool_calls is None else tuple(given.tool_calls),
        tool_call_id=given.tool_call_id,
    )


def _joined(index: int, parts: list[ContentPart], attachments: Attachments) -> str:
    return "".join(
        _text(part, f"messages[{index}].content[{number}]", attachments) for number, part in enumerate(parts)
    )


def _text(part: ContentPart, place: str, attachments: Attachments) -> str:
    match part:
        case ContentPart(type="text" | "input_text", text=str(text)):
            return text
        case ContentPart(type="image_url" | "input_image", image_url=ImageAddress() | str() as image):
            return attachments.url("image", image if isinstance(image, str) else image.url, f"{place}.image_url")
        case ContentPart(type="input_audio", input_audio=SoundData(data=data)):
            return attachments.encoded("audio", data, f"{place}.input_audio.data")
        case _:
            raise CrofterError(
                ErrorCode.UNSUPPORTED,
                f"{place} is a part of type {part.type[:32]!r}, or not whole; text, image_url and input_audio are supported",
                parameter=place,
            )


def _thinking_tokens(body: ChatCompletionBody) -> int | None:
    if body.reasoning_effort == "none":
        return 0
    budget = body.thinking_budget_tokens if body.thinking_budget is None else body.thinking_budget
    return None if budget == -1 else budget


def _template_arguments(body: ChatCompletionBody) -> dict[str, Any]:
    arguments = dict(body.chat_template_kwargs or {})
    if _thinking_tokens(body) == 0:
        arguments.setdefault("enable_thinking", False)
    elif body.reasoning_effort is not None:
        arguments.setdefault("reasoning_effort", body.reasoning_effort)
    return arguments
