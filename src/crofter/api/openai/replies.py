"""The parts that replies of both completion routes share, as OpenAI clients read them."""

from collections.abc import Iterable

import msgspec

from crofter.api.provenance import Extension, extension
from crofter.core import Chunk, Provenance, TokenLogprob


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
        self._ends: list[Chunk] = []

    def add(self, chunk: Chunk) -> None:
        self._unfinished -= chunk.finish_reason is not None
        if chunk.usage is not None:
            self._ends.append(chunk)

    @property
    def complete(self) -> bool:
        """Whether every choice of every turn has finished."""
        return self._unfinished == 0

    def usage(self) -> UsageReply:
        usages = [end.usage for end in self._ends if end.usage is not None]
        prompt_tokens = sum(usage.prompt_tokens for usage in usages)
        completion_tokens = sum(usage.completion_tokens for usage in usages)
        return UsageReply(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            total_tokens=prompt_tokens + completion_tokens,
            prompt_tokens_details=CachedTokens(sum(usage.cached_tokens for usage in usages)),
            completion_tokens_details=ReasoningTokens(sum(usage.reasoning_tokens for usage in usages)),
        )

    def extension(self, provenance: Provenance) -> Extension:
        return extension(provenance, self._ends, self._choices)


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
