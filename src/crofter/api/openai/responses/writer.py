"""A response while it grows: each chunk changes its items and makes the events that say so."""

from collections.abc import Callable
from typing import Any

import msgspec

from crofter.api.openai.replies import ChatLogprobWithTop, chat_logprobs
from crofter.api.provenance import Extension
from crofter.core import Chunk, CrofterError, ToolCallDelta

from .items import (
    OutputItem,
    Response,
    TextPart,
    call_item,
    message_item,
    output_text,
    response_usage,
    thinking_item,
)

_encode = msgspec.json.encode


class ResponseWriter:
    """Collects one response; `events` of each step are for whoever streams."""

    def __init__(self, response: Response, extension: Callable[[], Extension], *, streams: bool) -> None:
        """`extension` is asked for at the end. Without `streams` all events are empty."""
        self.response = response
        self._extension = extension
        self._streams = streams
        self._sequence = 0
        self.has_begun = False
        """Whether the first events were made."""
        self._texts: list[str] = []
        """Of the open item, joined when it is closed: adding to a text again and again would cost the square of its length."""
        self._logprobs: list[ChatLogprobWithTop] = []
        """Of the open message."""
        self._open: OutputItem | None = None
        self._call_index = -1

    def begin(self) -> bytes:
        """The events before the first chunk."""
        self.has_begun = True
        return self._event("response.created", response=self.response) + self._event(
            "response.in_progress", response=self.response
        )

    def add(self, chunk: Chunk) -> bytes:
        """What one chunk brings."""
        events = b""
        if chunk.reasoning:
            events += self._opened("reasoning") + self._delta("response.reasoning_text.delta", chunk.reasoning)
        if chunk.text:
            # Tokens of thinking and calls are in other chunks, and are not told.
            events += self._opened("message")
            logprobs = chat_logprobs(chunk.logprobs).content
            self._logprobs += logprobs
            events += self._delta("response.output_text.delta", chunk.text, logprobs=logprobs)
        for delta in chunk.tool_calls:
            events += self._call(delta)
        if chunk.finish_reason is not None:
            events += self._closed() + self._end(chunk)
        return events

    def failed(self, error: CrofterError) -> bytes:
        """The last event of a response that breaks off."""
        response = self.response
        before = b"" if self.has_begun else self.begin()
        if (closed := self._close_item()) is not None and closed[0].type != "reasoning":
            closed[0].status = "incomplete"
        response.status = "failed"
        response.error = {"code": error.code.code, "message": error.message}
        return before + self._event("response.failed", response=response)

    def _end(self, chunk: Chunk) -> bytes:
        response = self.response
        is_cut = chunk.finish_reason == "length"
        response.status = "incomplete" if is_cut else "completed"
        response.incomplete_details = {"reason": "max_output_tokens"} if is_cut else None
        response.usage = None if chunk.usage is None else response_usage(chunk.usage)
        response.crofter = self._extension()
        return self._event(f"response.{response.status}", response=response)

    def _opened(self, kind: str) -> bytes:
        if self._open is not None and self._open.type == kind:
            return b""
        events = self._closed()
        item = thinking_item() if kind == "reasoning" else message_item()
        events += self._add(item)
        if kind == "message":
            events += self._item_event("response.content_part.added", content_index=0, part=output_text("", []))
        return events

    def _add(self, item: OutputItem) -> bytes:
        self._open, self._texts, self._logprobs = item, [], []
        self.response.output.append(item)
        return self._event("response.output_item.added", output_index=len(self.response.output) - 1, item=item)

    def _delta(self, name: str, text: str, **more: list[ChatLogprobWithTop]) -> bytes:
        self._texts.append(text)
        return self._item_event(name, content_index=0, delta=text, **more)

    def _call(self, delta: ToolCallDelta) -> bytes:
        events = b""
        if delta.index != self._call_index:
            self._call_index = delta.index
            events = self._closed() + self._add(call_item(delta.name))
        if delta.arguments:
            self._texts.append(delta.arguments)
            events += self._item_event("response.function_call_arguments.delta", delta=delta.arguments)
        return events

    def _close_item(self) -> tuple[OutputItem, str] | None:
        item = self._open
        if item is None:
            return None
        text, self._open = "".join(self._texts), None
        if item.type == "function_call":
            item.arguments = text
        else:
            said = item.type == "message"
            item.content = [output_text(text, self._logprobs) if said else TextPart(type="reasoning_text", text=text)]
        if item.type != "reasoning":
            item.status = "completed"
        return item, text

    def _closed(self) -> bytes:
        closed = self._close_item()
        if closed is None:
            return b""
        item, text = closed
        index = len(self.response.output) - 1
        place: dict[str, Any] = {"item_id": item.id, "output_index": index}
        if item.type == "function_call":
            events = self._event("response.function_call_arguments.done", **place, name=item.name, arguments=text)
        elif item.type == "reasoning":
            events = self._event("response.reasoning_text.done", **place, content_index=0, text=text)
        else:
            place["content_index"] = 0
            events = self._event("response.output_text.done", **place, text=text, logprobs=self._logprobs)
            events += self._event("response.content_part.done", **place, part=output_text(text, self._logprobs))
        return events + self._event("response.output_item.done", output_index=index, item=item)

    def _item_event(self, name: str, /, **fields: Any) -> bytes:  # noqa: ANN401 - what the event holds
        item = self._open
        return self._event(name, item_id=item.id if item else "", output_index=len(self.response.output) - 1, **fields)

    def _event(self, name: str, /, **fields: Any) -> bytes:  # noqa: ANN401 - what the event holds
        if not self._streams:
            return b""
        data = _encode({"type": name, "sequence_number": self._sequence, **fields})
        self._sequence += 1
        return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
