"""Chat completions as server-sent events. Runs once a token: the constant head is encoded once, only the new text each time."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from crofter.core import Chunk, Provenance

from .replies import Tally, chat_logprobs
from .tool_calls import streamed_call

_encode = msgspec.json.encode


class ChatStream:
    """Renders one turn. `usage` null on each event and an event of its own at the end when the client asked for it."""

    def __init__(
        self, *, reply_id: str, created: int, provenance: Provenance, choices: int, include_usage: bool, logprobs: bool
    ) -> None:
        self._provenance = provenance
        self._include_usage = include_usage
        self._logprobs = logprobs
        self._tally = Tally(choices)
        self._opened = [False] * choices
        head = b'data: {"id":%s,"object":"chat.completion.chunk","created":%d,"model":%s,"choices":['
        self._head = head % (_encode(reply_id), created, _encode(provenance.model_name))
        self._choice_heads = [self._head + b'{"index":%d,"delta":{' % index for index in range(choices)]
        usage = b',"usage":null' if include_usage else b""
        self._end = b'"},"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        self._end_after_string = self._end[1:]
        self._usage_null = usage

    async def events(self, chunks: AsyncGenerator[Chunk]) -> AsyncGenerator[bytes]:
        """The events of each chunk as it comes. Closing this closes `chunks`."""
        async with aclosing(chunks):
            async for chunk in chunks:
                if events := self.render(chunk):
                    yield events

    def render(self, chunk: Chunk) -> bytes:
        """The events one chunk makes: the role first, then what is new, then the end of the choice."""
        head = self._choice_heads[chunk.choice]
        events = b""
        if not self._opened[chunk.choice]:
            self._opened[chunk.choice] = True
            events = head + b'"role":"assistant","content":"' + self._end
        if chunk.reasoning:
            events += head + b'"reasoning_content":' + _encode(chunk.reasoning) + self._end_after_string
        if chunk.text or (self._logprobs and chunk.logprobs):
            events += head + b'"content":' + _encode(chunk.text) + self._content_end(chunk)
        for delta in chunk.tool_calls:
            for fragment in streamed_call(delta):
                events += head + b'"tool_calls":[' + _encode(fragment) + b"]" + self._end_after_string
        if chunk.finish_reason is not None or chunk.usage is not None:
            self._tally.add(chunk)
        if chunk.finish_reason is not None:
            events += head + b'},"logprobs":null,"finish_reason":"%s"}]' % chunk.finish_reason.encode()
            if self._include_usage or not self._tally.complete:
                events += self._usage_null + b"}\n\n"
            else:
                events += b',"crofter":' + _encode(self._tally.extension(self._provenance)) + b"}\n\n"
        return events

    def tail(self) -> bytes:
        """What closes the stream."""
        if not self._include_usage:
            return b"data: [DONE]\n\n"
        usage = b'],"usage":' + _encode(self._tally.usage())
        extension = b',"crofter":' + _encode(self._tally.extension(self._provenance))
        return self._head + usage + extension + b"}\n\ndata: [DONE]\n\n"

    def _content_end(self, chunk: Chunk) -> bytes:
        if not (self._logprobs and chunk.logprobs):
            return self._end_after_string
        logprobs = b'},"logprobs":' + _encode(chat_logprobs(chunk.logprobs))
        return logprobs + b',"finish_reason":null}]' + self._usage_null + b"}\n\n"
