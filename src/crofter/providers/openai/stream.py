"""From the events of OpenAI's streams to our chunks, with what servers that speak it do otherwise."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from crofter.core import Chunk, CrofterError, FinishReason, TokenLogprob, ToolCallDelta, Usage
from crofter.providers.dialect import MalformedAnswerError

from .usage import UsageFields, usage_of

_MOST_CALLS = 512
_UNKNOWN_TOKEN = -1
_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Part(msgspec.Struct):
    """Mistral's reasoning models send content in parts, thinking ones with parts of their own."""

    type: str = ""
    text: str = ""
    thinking: str | list[dict[str, Any]] = ""


class _Delta(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    """The same with Groq, Ollama, Cerebras and newer vLLM."""
    tool_calls: list[_Call] | None = None


class _Logprob(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list["_Logprob"] = []


class _Logprobs(msgspec.Struct):
    content: list[_Logprob] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    text: str | None = None
    """Of `/completions`."""
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None
    usage: UsageFields | None = None
    """Moonshot's place for it."""


class _Groq(msgspec.Struct):
    usage: UsageFields | None = None
    error: Any = None


class _Event(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: UsageFields | None = None
    x_groq: _Groq | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Event).decode


class OpenAIReader:
    """One answer. See `dialect.AnswerReader`."""

    def __init__(
        self, choices: int, withheld: Callable[[str], CrofterError], failed: Callable[[object], CrofterError]
    ) -> None:
        """`withheld`: the error for an answer cut off for the reason given; `failed`: for an error that the server reports."""
        self.ended = False
        self._withheld = withheld
        self._failed = failed
        self._calls = [_Calls() for _ in range(choices)]
        self._unfinished = set(range(choices))
        self._last: Chunk | None = None
        self._usage: Usage | None = None

    def take(self, data: bytes) -> Iterator[Chunk]:
        """See `dialect.AnswerReader`."""
        if data.strip() == b"[DONE]":
            self.ended = True
            return
        event = _decode(data)
        if error := event.error or (event.x_groq and event.x_groq.error):
            raise self._failed(error)
        self._count(event)
        for choice in event.choices or ():
            yield from self._take_choice(choice)

    def finish(self) -> Chunk | None:
        """See `dialect.AnswerReader`."""
        if self._unfinished or self._last is None:
            return None
        return msgspec.structs.replace(self._last, usage=self._usage)

    def _count(self, event: _Event) -> None:
        found = [event.usage, event.x_groq and event.x_groq.usage, *(choice.usage for choice in event.choices or ())]
        for fields in found:
            if fields is not None:
                self._usage = usage_of(fields)

    def _take_choice(self, choice: _Choice) -> Iterator[Chunk]:
        if not 0 <= choice.index < len(self._calls):
            raise MalformedAnswerError
        delta = choice.delta or _Delta(content=choice.text)
        text, reasoning = _texts(delta)
        calls = self._calls[choice.index]
        chunk = Chunk(
            choice=choice.index,
            text=text,
            reasoning=reasoning,
            tool_calls=tuple(calls.deltas(delta.tool_calls or ())),
            logprobs=tuple(_logprob(each) for each in (choice.logprobs and choice.logprobs.content) or ()),
        )
        if chunk != Chunk(choice=choice.index):
            yield chunk
        if choice.finish_reason and choice.index in self._unfinished:
            yield from self._finished(choice.index, choice.finish_reason, bool(calls))

    def _finished(self, index: int, said: str, called: bool) -> Iterator[Chunk]:
        reason = _FINISH_REASONS.get(said)
        if reason is None:
            raise self._withheld(said)
        if called and reason == "stop":
            reason = "tool_calls"  # Ollama and others say `stop` all the same
        self._unfinished.discard(index)
        ending = Chunk(choice=index, finish_reason=reason)
        if self._unfinished:
            yield ending
        else:
            self._last = ending


class _Calls:
    """Numbers the calls of one choice as they come; servers that count wrongly, or not at all, are understood by their ids."""

    def __init__(self) -> None:
        self._by_index: dict[int | None, int] = {}
        self._ids: list[str | None] = []

    def __bool__(self) -> bool:
        return bool(self._ids)

    def deltas(self, fragments: Iterable[_Call]) -> Iterator[ToolCallDelta]:
        """Raises MalformedAnswerError for a call that begins without a name, or one too many."""
        for fragment in fragments:
            function = fragment.function or _Function()
            known = self._by_index.get(fragment.index)
            name = ""
            if known is None or (fragment.id and function.name and fragment.id != self._ids[known]):
                if not function.name or len(self._ids) >= _MOST_CALLS:
                    raise MalformedAnswerError
                name, known = function.name, len(self._ids)
                self._ids.append(fragment.id)
                self._by_index[fragment.index] = known
            yield ToolCallDelta(index=known, name=name, arguments=_arguments(function))


def _arguments(function: _Function) -> str:
    given = function.arguments
    return msgspec.json.encode(given).decode() if isinstance(given, dict) else given or ""


def _texts(delta: _Delta) -> tuple[str, str]:
    """Text and reasoning."""
    reasoning = delta.reasoning_content or delta.reasoning or ""
    if not isinstance(delta.content, list):
        return (delta.content or "") + (delta.refusal or ""), reasoning
    text = "".join(part.text for part in delta.content)
    return text, reasoning + "".join(_thought(part.thinking) for part in delta.content)


def _thought(thinking: str | list[dict[str, Any]]) -> str:
    return thinking if isinstance(thinking, str) else "".join(str(part.get("text", "")) for part in thinking)


def _logprob(given: _Logprob) -> TokenLogprob:
    try:
        token = bytes(given.bytes) if given.bytes is not None else given.token.encode("utf-8", "surrogatepass")
    except ValueError:
        raise MalformedAnswerError from None
    return TokenLogprob(
        token_id=_UNKNOWN_TOKEN,
        token=token,
        logprob=given.logprob,
        alternatives=tuple(_logprob(each) for each in given.top_logprobs),
    )
