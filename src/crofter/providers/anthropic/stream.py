"""From the events of Anthropic's streams to our chunks."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from crofter.core import Chunk, CrofterError, FinishReason, ToolCallDelta, Usage
from crofter.providers.dialect import MalformedAnswerError

_STOP_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}


class _Usage(msgspec.Struct):
    """`input_tokens` are without those of the cache; later counts replace earlier ones."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Message(msgspec.Struct):
    usage: _Usage | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    name: str = ""
    input: dict[str, Any] = {}
    """Empty, and written in deltas; whole if a program that runs at Anthropic's made the call."""


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(msgspec.Struct):
    type: str
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Event).decode


class AnthropicReader:
    """One answer. See `dialect.AnswerReader`."""

    def __init__(self, withheld: Callable[[str], CrofterError], failed: Callable[[object], CrofterError]) -> None:
        """As `OpenAIReader` has them."""
        self.ended = False
        self._withheld = withheld
        self._failed = failed
        self._calls: dict[int, int] = {}
        """Number of a block to number of the call it is."""
        self._counts = _Usage()
        self._last: Chunk | None = None

    def take(self, data: bytes) -> Iterator[Chunk]:
        """See `dialect.AnswerReader`. Events and blocks of kinds that are not known are passed over, as Anthropic asks for."""
        event = _decode(data)
        match event:
            case _Event(type="error", error=error):
                raise self._failed(error)
            case _Event(type="message_start", message=_Message(usage=_Usage() as usage)):
                self._count(usage)
                yield Chunk(prompt_usage=msgspec.structs.replace(self._usage(), completion_tokens=0))
            case _Event(type="content_block_start", content_block=_Block() as block):
                yield from self._begun(event.index, block)
            case _Event(type="content_block_delta", delta=_Delta() as delta):
                yield from self._grown(event.index, delta)
            case _Event(type="message_delta"):
                self._ending(event)
            case _Event(type="message_stop"):
                self.ended = True
            case _:
                pass

    def finish(self) -> Chunk | None:
        """See `dialect.AnswerReader`."""
        return None if self._last is None else msgspec.structs.replace(self._last, usage=self._usage())

    def _begun(self, index: int, block: _Block) -> Iterator[Chunk]:
        if block.type == "tool_use":
            if not block.name or index in self._calls:
                raise MalformedAnswerError
            self._calls[index] = len(self._calls)
            arguments = msgspec.json.encode(block.input).decode() if block.input else ""
            yield Chunk(tool_calls=(ToolCallDelta(index=self._calls[index], name=block.name, arguments=arguments),))
        elif block.text or block.thinking:
            yield Chunk(text=block.text, reasoning=block.thinking)

    def _grown(self, index: int, delta: _Delta) -> Iterator[Chunk]:
        if delta.partial_json:
            if index not in self._calls:
                return  # arguments of a tool that its own servers run
            yield Chunk(tool_calls=(ToolCallDelta(index=self._calls[index], arguments=delta.partial_json),))
        elif delta.text or delta.thinking:
            yield Chunk(text=delta.text, reasoning=delta.thinking)

    def _ending(self, event: _Event) -> None:
        if event.usage is not None:
            self._count(event.usage)
        said = event.delta and event.delta.stop_reason
        if not said:
            return
        reason = _STOP_REASONS.get(said)
        if reason is None:
            raise self._withheld("content_filter" if said == "refusal" else said)
        self._last = Chunk(finish_reason=reason, stop_string=event.delta and event.delta.stop_sequence)

    def _count(self, usage: _Usage) -> None:
        known = {name: value for name, value in msgspec.structs.asdict(usage).items() if value is not None}
        self._counts = msgspec.structs.replace(self._counts, **known)

    def _usage(self) -> Usage:
        counts = self._counts
        cached = counts.cache_read_input_tokens or 0
        return Usage(
            prompt_tokens=(counts.input_tokens or 0) + (counts.cache_creation_input_tokens or 0) + cached,
            completion_tokens=counts.output_tokens or 0,
            cached_tokens=cached,
        )
