"""`POST /v1/messages` and `/v1/messages/count_tokens`."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.provenance import extension, provenance_headers
from crofter.api.replies import JsonReply, StreamReply, until_disconnect
from crofter.api.services import Services
from crofter.api.tools import GrowingCalls
from crofter.core import Chunk, CrofterError, ErrorCode, Provenance, Usage

from .replies import (
    MessageReply,
    ReplyBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    message_id,
    stop_reason,
    tool_use_id,
    usage_reply,
)
from .request import chat_prompt, generation_request
from .stream import MESSAGE_EVENTS, MessageStream
from .wire import CountBody, MessagesBody


class TokenCount(msgspec.Struct, frozen=True):
    input_tokens: int


class Messages:
    """The two routes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, call: Call) -> App:
        """Parse, choose the way, and answer in one piece or as a stream."""
        services = self._services
        body = await call.body(MessagesBody)
        request = generation_request(body, services.settings.request_timeout_seconds)
        known = msgspec.structs.replace(request, model=self._known(request.model))
        turn, chunks = await services.inference.open(known, call.asker)
        headers = provenance_headers(turn.provenance)
        if not body.stream:
            collected = _Collected()
            await until_disconnect(call.receive, lambda: collected.collect(chunks))
            return JsonReply(collected.reply(turn.provenance, body.max_tokens), headers=headers)
        stream = MessageStream(provenance=turn.provenance, max_tokens=body.max_tokens)
        return StreamReply(
            MESSAGE_EVENTS,
            [stream.events(chunks)],
            headers=headers,
            keep_alive_seconds=services.settings.keep_alive_seconds,
            timeout_seconds=services.settings.request_timeout_seconds,
        )

    async def count(self, call: Call) -> App:
        """How many tokens the messages are, without answering them."""
        body = await call.body(CountBody)
        name = self._known(body.model or "")
        tokens = await self._services.inference.tokenize(name, chat_prompt(body), call.asker)
        return JsonReply(TokenCount(len(tokens)))

    def _known(self, model: str) -> str:
        """The model's name, or none, which means the default: clients of this dialect ask for names of Anthropic's."""
        try:
            self._services.inference.resolve(model)
        except CrofterError as error:
            if error.code is ErrorCode.MODEL_NOT_FOUND:
                return ""
            raise
        return model


class _Collected:
    """A turn while it grows."""

    def __init__(self) -> None:
        self._thoughts: list[str] = []
        self._texts: list[str] = []
        self._calls = GrowingCalls()
        self._last = Chunk()

    async def collect(self, chunks: AsyncGenerator[Chunk]) -> None:
        """Take chunks to the end."""
        async with aclosing(chunks):
            async for chunk in chunks:
                self._thoughts.append(chunk.reasoning)
                self._texts.append(chunk.text)
                self._calls.add(chunk.tool_calls)
                self._last = chunk

    def reply(self, provenance: Provenance, max_tokens: int | None) -> MessageReply:
        """The message."""
        thoughts, text = "".join(self._thoughts), "".join(self._texts)
        content: list[ReplyBlock] = [ThinkingBlock(thinking=thoughts)] if thoughts else []
        if text or not self._calls:
            content.append(TextBlock(text=text))
        content += [ToolUseBlock(id=tool_use_id(), name=call.name, input=call.parsed) for call in self._calls.whole()]
        usage = self._last.usage or Usage(prompt_tokens=0, completion_tokens=0)
        return MessageReply(
            id=message_id(),
            model=provenance.model_name,
            content=content,
            stop_reason=stop_reason(self._last, max_tokens, usage.completion_tokens),
            stop_sequence=self._last.stop_string,
            usage=usage_reply(usage),
            crofter=extension(provenance, [self._last]),
        )
