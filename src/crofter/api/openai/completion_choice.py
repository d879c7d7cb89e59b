"""One choice of a completion, whole or step by step, with the older shape of logprobs."""

from collections.abc import Iterable

import msgspec

from crofter.core import Chunk, TokenLogprob


class CompletionLogprobs(msgspec.Struct, frozen=True, kw_only=True):
    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class CompletionChoice(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    index: int
    logprobs: CompletionLogprobs | None
    finish_reason: str | None


class GrowingChoice:
    """Gathers chunks of one choice; used either through `add` and `whole` or through `step`."""

    def __init__(self, index: int, *, with_logprobs: bool) -> None:
        self._index = index
        self._with_logprobs = with_logprobs
        self._texts: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._finish_reason: str | None = None
        self._offset = 0
        self._tokens_began = False

    def add(self, chunk: Chunk) -> None:
        """Reasoning belongs to the text here: a raw completion has no other place for it."""
        self._skip_echo(chunk)
        self._texts.append(chunk.reasoning + chunk.text)
        self._logprobs.extend(chunk.logprobs)
        self._finish_reason = chunk.finish_reason or self._finish_reason

    def whole(self) -> CompletionChoice:
        return CompletionChoice(
            text="".join(self._texts),
            index=self._index,
            logprobs=self._shaped(self._logprobs) if self._with_logprobs else None,
            finish_reason=self._finish_reason,
        )

    def step(self, chunk: Chunk) -> CompletionChoice:
        """What one chunk adds."""
        self._skip_echo(chunk)
        return CompletionChoice(
            text=chunk.reasoning + chunk.text,
            index=self._index,
            logprobs=self._shaped(chunk.logprobs) if self._with_logprobs and chunk.logprobs else None,
            finish_reason=chunk.finish_reason,
        )

    def _skip_echo(self, chunk: Chunk) -> None:
        """Offsets count from the beginning of the text, which with `echo` is the prompt and has no logprobs."""
        if not self._tokens_began:
            self._offset += max(0, len(chunk.text) - sum(len(_shown(entry.token)) for entry in chunk.logprobs))
            self._tokens_began = bool(chunk.logprobs)

    def _shaped(self, entries: Iterable[TokenLogprob]) -> CompletionLogprobs:
        shaped = CompletionLogprobs(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
        for entry in entries:
            shown = _shown(entry.token)
            shaped.tokens.append(shown)
            shaped.token_logprobs.append(entry.logprob)
            shaped.top_logprobs.append({_shown(other.token): other.logprob for other in entry.alternatives})
            shaped.text_offset.append(self._offset)
            self._offset += len(shown)
        return shaped


def _shown(token: bytes) -> str:
    """A token as text; half a character is shown by its bytes, as OpenAI does, so that different tokens stay different keys."""
    try:
        return token.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)
