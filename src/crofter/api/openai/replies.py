"""The parts that replies of both completion routes share, as OpenAI clients read them."""

from collections.abc import Iterable

import msgspec

from crofter.core import Chunk, Provenance, Timings, TokenLogprob, Usage


class CachedTokens(msgspec.Struct, frozen=True):
    cached_tokens: int


class ReasoningTokens(msgspec.Struct, frozen=True):
    reasoning_tokens: int


class UsageReply(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens
    completion_tokens_details: ReasoningTokens


class TimingsReply(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds as the engine saw them; `tokens_per_second` counts what came after the first token of each choice."""

    ttft_ms: float
    tokens_per_second: float
    queue_ms: float
    prefill_ms: float
    media_ms: float
    """Of the time in the queue, what went into reading images and sounds; 0 where all were known already."""


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """The `crofter` object of a reply: where it ran, who could read it, how long it took."""

    provenance: Provenance
    timings: TimingsReply | msgspec.UnsetType = msgspec.UNSET


class ChatLogprob(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    logprob: float
    bytes: list[int]


class ChatLogprobWithTop(ChatLogprob, frozen=True, kw_only=True):
    top_logprobs: list[ChatLogprob]


class ChatLogprobs(msgspec.Struct, frozen=True, kw_only=True):
    content: list[ChatLogprobWithTop]
    refusal: None = None


class Tally:
    """Sums up the turns of one HTTP request (several prompts make several) while their chunks pass."""

    def __init__(self, choices: int) -> None:
        self._unfinished = choices
        self._choices = choices
        self._usages: list[Usage] = []
        self._timings: list[Timings] = []

    def add(self, chunk: Chunk) -> None:
        self._unfinished -= chunk.finish_reason is not None
        if chunk.usage is not None:
            self._usages.append(chunk.usage)
        if chunk.timings is not None:
            self._timings.append(chunk.timings)

    @property
    def complete(self) -> bool:
        """Whether every choice of every turn has finished."""
        return self._unfinished == 0

    def usage(self) -> UsageReply:
        prompt_tokens = sum(usage.prompt_tokens for usage in self._usages)
        completion_tokens = sum(usage.completion_tokens for usage in self._usages)
        return UsageReply(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            total_tokens=prompt_tokens + completion_tokens,
            prompt_tokens_details=CachedTokens(sum(usage.cached_tokens for usage in self._usages)),
            completion_tokens_details=ReasoningTokens(sum(usage.reasoning_tokens for usage in self._usages)),
        )

    def extension(self, provenance: Provenance) -> Extension:
        return Extension(provenance=provenance, timings=self._timings_reply())

    def _timings_reply(self) -> TimingsReply | msgspec.UnsetType:
        if not self._timings:
            return msgspec.UNSET
        later_tokens = max(0, sum(usage.completion_tokens for usage in self._usages) - self._choices)
        decode_seconds = max(timings.decode_seconds for timings in self._timings)
        return TimingsReply(
            ttft_ms=_milliseconds(min(timings.first_token_seconds for timings in self._timings)),
            tokens_per_second=round(later_tokens / decode_seconds, 3) if decode_seconds > 0 else 0.0,
            queue_ms=_milliseconds(max(timings.queue_seconds for timings in self._timings)),
            prefill_ms=_milliseconds(max(timings.prefill_seconds for timings in self._timings)),
            media_ms=_milliseconds(max(timings.media_seconds for timings in self._timings)),
        )


def chat_logprobs(tokens: Iterable[TokenLogprob]) -> ChatLogprobs:
    return ChatLogprobs(
        content=[
            ChatLogprobWithTop(
                token=_shown(entry.token),
                logprob=entry.logprob,
                bytes=list(entry.token),
                top_logprobs=[
                    ChatLogprob(token=_shown(other.token), logprob=other.logprob, bytes=list(other.token))
                    for other in entry.alternatives
                ],
            )
            for entry in tokens
        ]
    )


def _shown(token: bytes) -> str:
    return token.decode("utf-8", errors="replace")


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
