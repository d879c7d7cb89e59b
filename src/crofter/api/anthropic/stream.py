"""Messages as server-sent events: one block after the other, each opened, filled and closed."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import msgspec

from crofter.api.provenance import extension
from crofter.api.replies import StreamFormat
from crofter.core import Chunk, Provenance, ToolCallDelta, Usage

from .errors import anthropic_error
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

_encode = msgspec.json.encode
_NO_TOKENS = Usage(prompt_tokens=0, completion_tokens=0)

MESSAGE_EVENTS = StreamFormat(
    content_type=b"text/event-stream; charset=utf-8",
    keep_alive=b'event: ping\ndata: {"type":"ping"}\n\n',
    error_line=lambda error: b"event: error\ndata: " + anthropic_error(error) + b"\n\n",
)


class MessageStream:
    """Renders one turn."""

    def __init__(self, *, provenance: Provenance, max_tokens: int | None) -> None:
        self._provenance = provenance
        self._max_tokens = max_tokens
        self._begun = False
        self._index = -1
        self._open = ""
        """The kind of the open block: text, thinking, or the number of a call; empty while none is."""
        self._delta_head = b""

    async def events(self, chunks: AsyncGenerator[Chunk]) -> AsyncGenerator[bytes]:
        """The events of each chunk as it comes. Closing this closes `chunks`."""
        async with aclosing(chunks):
            async for chunk in chunks:
                if events := self.render(chunk):
                    yield events

    def render(self, chunk: Chunk) -> bytes:
        """The events one chunk makes."""
        events = b""
        if not self._begun:
            self._begun = True
            events = self._message_start(chunk.prompt_usage or _NO_TOKENS)
        if chunk.reasoning:
            events += self._in_block("thinking", ThinkingBlock) + self._delta("thinking", chunk.reasoning)
        if chunk.text:
            events += self._in_block("text", TextBlock) + self._delta("text", chunk.text)
        for delta in chunk.tool_calls:
            events += self._call(delta)
        if chunk.finish_reason is not None:
            events += self._close() + self._message_end(chunk)
        return events

    def _message_start(self, usage: Usage) -> bytes:
        message = MessageReply(
            id=message_id(),
            model=self._provenance.model_name,
            content=[],
            stop_reason=None,
            stop_sequence=None,
            usage=usage_reply(usage),
            crofter=extension(self._provenance),
        )
        return _event("message_start", {"type": "message_start", "message": message})

    def _message_end(self, chunk: Chunk) -> bytes:
        usage = chunk.usage or _NO_TOKENS
        ended = {
            "stop_reason": stop_reason(chunk, self._max_tokens, usage.completion_tokens),
            "stop_sequence": chunk.stop_string,
        }
        counted = {"type": "message_delta", "delta": ended, "usage": usage_reply(usage)}
        stopped = {"type": "message_stop", "crofter": extension(self._provenance, [chunk])}
        return _event("message_delta", counted) + _event("message_stop", stopped)

    def _call(self, delta: ToolCallDelta) -> bytes:
        events = self._in_block(str(delta.index), lambda: ToolUseBlock(id=tool_use_id(), name=delta.name, input={}))
        return events + (self._delta("input_json", delta.arguments) if delta.arguments else b"")

    def _in_block(self, kind: str, block: Callable[[], ReplyBlock]) -> bytes:
        if self._open == kind:
            return b""
        events = self._close()
        self._index += 1
        self._open = kind
        self._delta_head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":' % self._index
        )
        start = {"type": "content_block_start", "index": self._index, "content_block": block()}
        return events + _event("content_block_start", start)

    def _close(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return _event("content_block_stop", {"type": "content_block_stop", "index": self._index})

    def _delta(self, kind: str, text: str) -> bytes:
        key = "partial_json" if kind == "input_json" else kind
        return (
            self._delta_head + b'{"type":"%s_delta","%s":' % (kind.encode(), key.encode()) + _encode(text) + b"}}\n\n"
        )


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + _encode(data) + b"\n\n"
