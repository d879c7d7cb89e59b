"""A streamed answer: its lines in, what is new and what has come so far out. No I/O."""

from typing import Any

import msgspec

from crofter.core import CrofterError, ErrorCode, Provenance, Usage

from .faults import raise_for_error_line


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the model asks for."""

    id: str
    name: str
    arguments: str
    """The text of a JSON object."""

    def parsed(self) -> dict[str, Any]:
        """The arguments. Raises msgspec.DecodeError if the answer was cut off in the middle of them."""
        return msgspec.json.decode(self.arguments or "{}", type=dict[str, Any])


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of a stream brings."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple["CallDelta", ...] = ()


class CallDelta(msgspec.Struct, frozen=True, kw_only=True):
    """How a call grows: the first of a call has its id and name, and the pieces of `arguments` follow."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds as the node's engine saw them."""

    ttft_ms: float = 0.0
    """To the first token."""
    tokens_per_second: float = 0.0
    queue_ms: float = 0.0
    prefill_ms: float = 0.0
    media_ms: float = 0.0


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer, as far as it has come."""

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    model: str
    finish_reason: str
    """stop, length or tool_calls; empty while it is not finished."""
    usage: Usage | None = None
    timings: Timings | None = None
    provenance: Provenance | None = None
    """Where it came from, and who could read the prompt."""

    def json(self) -> Any:  # noqa: ANN401 - what the schema says
        """The text as JSON. Raises msgspec.DecodeError if it is none, as when it was cut off."""
        return msgspec.json.decode(self.text)

    def message(self) -> dict[str, object]:
        """The answer as a message of the conversation that goes on from it."""
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in self.tool_calls
        ]
        message: dict[str, object] = {"role": "assistant", "content": self.text}
        return {**message, "tool_calls": calls} if calls else message


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str = ""


class _Call(msgspec.Struct):
    index: int
    id: str = ""
    function: _Function = msgspec.field(default_factory=_Function)


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] = []


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Details = msgspec.field(default_factory=_Details)
    completion_tokens_details: _Details = msgspec.field(default_factory=_Details)


class Extension(msgspec.Struct):
    """The `crofter` object of a reply."""

    provenance: Provenance | None = None
    timings: Timings | None = None


class _Event(msgspec.Struct):
    model: str = ""
    choices: list[_Choice] = []
    usage: _Usage | None = None
    crofter: Extension = msgspec.field(default_factory=Extension)


_decode = msgspec.json.Decoder(_Event).decode


class ReplyReader:
    """Collects one answer."""

    def __init__(self) -> None:
        self.complete = False
        """Whether its end was seen."""
        self._texts: list[str] = []
        self._reasonings: list[str] = []
        self._calls: dict[int, list[CallDelta]] = {}
        self._last = _Event()
        self._finish_reason = ""

    def feed(self, line: bytes) -> Delta | None:
        """What a line brings, if it brings something. Raises the error that it reports."""
        if not line.startswith(b"data:"):
            return None
        data = line[len(b"data:") :].lstrip()
        if data == b"[DONE]":
            self.complete = True
            return None
        raise_for_error_line(data)
        event = _decode(data)
        last = self._last
        self._last = _Event(
            model=event.model or last.model,
            usage=event.usage or last.usage,
            crofter=event.crofter if event.crofter.provenance is not None else last.crofter,
        )
        for choice in event.choices:
            self._finish_reason = choice.finish_reason or self._finish_reason
            if delta := self._taken(choice.delta):
                return delta
        return None

    def reply(self) -> Reply:
        """What has come so far."""
        last = self._last
        return Reply(
            text="".join(self._texts),
            reasoning="".join(self._reasonings),
            tool_calls=tuple(_whole(self._calls[index]) for index in sorted(self._calls)),
            model=last.model,
            finish_reason=self._finish_reason,
            usage=None if last.usage is None else _usage(last.usage),
            timings=last.crofter.timings,
            provenance=last.crofter.provenance,
        )

    def require_complete(self) -> None:
        """Raises WORKER_FAILED if the stream ended before the answer did: a short answer is never taken for a whole one."""
        if not self.complete:
            raise CrofterError(ErrorCode.WORKER_FAILED, "the answer broke off; ask again.")

    def _taken(self, delta: _Delta) -> Delta | None:
        calls = tuple(
            CallDelta(index=call.index, id=call.id, name=call.function.name, arguments=call.function.arguments)
            for call in delta.tool_calls
        )
        for call in calls:
            self._calls.setdefault(call.index, []).append(call)
        if delta.content:
            self._texts.append(delta.content)
        if delta.reasoning_content:
            self._reasonings.append(delta.reasoning_content)
        if not (delta.content or delta.reasoning_content or calls):
            return None
        return Delta(text=delta.content or "", reasoning=delta.reasoning_content or "", tool_calls=calls)


def _whole(pieces: list[CallDelta]) -> ToolCall:
    return ToolCall(
        id="".join(piece.id for piece in pieces),
        name="".join(piece.name for piece in pieces),
        arguments="".join(piece.arguments for piece in pieces),
    )


def _usage(given: _Usage) -> Usage:
    return Usage(
        prompt_tokens=given.prompt_tokens,
        completion_tokens=given.completion_tokens,
        cached_tokens=given.prompt_tokens_details.cached_tokens,
        reasoning_tokens=given.completion_tokens_details.reasoning_tokens,
    )
