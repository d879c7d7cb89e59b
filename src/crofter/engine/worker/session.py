"""One answer being written, and the request it belongs to."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from crofter.core import Chunk, FinishReason, GenerationRequest, Timings, TokenLogprob, ToolCallDelta, Usage

from .media import Span, position_of
from .text import TextAssembler

if TYPE_CHECKING:
    from collections.abc import Callable

    from .calls import CallReader
    from .constraint import Constraint
    from .prefix import Prefix
    from .sampler import Sampler


@dataclass
class PreparedRequest:
    """A request after its template, tokeniser and grammar: what the intake thread hands to the scheduler."""

    call: int
    request: GenerationRequest
    tokens: list[int]
    answer_limit: int
    """Most tokens each choice may have."""
    constraint: Callable[[], Constraint] | None
    """Starts the constraint of one choice."""
    begins_thinking: bool
    thinking_limit: int | None
    """Most tokens between the marks of thinking, of each choice."""
    calls: Callable[[], CallReader] | None
    """Starts the reader of calls of one choice; None if the answer may hold none."""
    arrived: float
    """time.monotonic() at the worker's door."""
    spans: tuple[Span, ...] = ()
    """Where in the tokens rows of images and sounds stand."""
    media_seconds: float = 0.0
    media_read: int = 0


@dataclass
class Answer:
    """The state all choices of one request share."""

    prepared: PreparedRequest
    open_choices: int
    is_announced: bool = False
    """Whether a chunk of this request was sent."""
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    admitted: float | None = None
    first_token: float | None = None
    sessions: list[Session] = field(default_factory=list)
    """Emptied when it ends: each has the answer as well, and what an image became would wait for the collector of such circles."""

    def usage(self) -> Usage:
        """Token counts so far."""
        return Usage(
            prompt_tokens=len(self.prepared.tokens),
            completion_tokens=self.completion_tokens,
            cached_tokens=self.cached_tokens,
            reasoning_tokens=self.reasoning_tokens,
        )

    def timings(self) -> Timings:
        """Durations so far, in seconds."""
        now = time.monotonic()
        admitted = self.admitted or now
        first = self.first_token or now
        return Timings(
            queue_seconds=admitted - self.prepared.arrived,
            prefill_seconds=first - admitted,
            first_token_seconds=first - self.prepared.arrived,
            decode_seconds=now - first,
            media_seconds=self.prepared.media_seconds,
            media_read=self.prepared.media_read,
        )


@dataclass(eq=False)
class Session:
    """One choice: its tokens, how many of them are in the KV cache, and the text not yet sent."""

    answer: Answer
    choice: int
    sampler: Sampler
    assembler: TextAssembler
    tokens: list[int]
    """Prompt and answer so far; numbers below zero stand for rows of images and sounds."""
    salt: bytes
    """Tells apart states made under different adapters."""
    sequence: int = -1
    """Sequence id in the context; -1 while waiting."""
    computed: int = 0
    """How many tokens the KV cache holds for this sequence."""
    waited_steps: int = 0
    thought_tokens: int = 0
    """Drawn between the marks of thinking."""
    forced: deque[int] = field(default_factory=deque)
    """What comes next, whatever the model would draw."""
    live_prefix: Prefix | None = None
    unsent_text: str = ""
    unsent_reasoning: str = ""
    unsent_calls: list[ToolCallDelta] = field(default_factory=list)
    unsent_tokens: list[int] = field(default_factory=list)
    unsent_logprobs: list[TokenLogprob] = field(default_factory=list)

    @property
    def pending(self) -> int:
        """Rows still to compute before the next token can be drawn."""
        return len(self.tokens) - self.computed

    @property
    def spans(self) -> tuple[Span, ...]:
        """Where in the tokens rows of images and sounds stand."""
        return self.answer.prepared.spans

    @property
    def viewing(self) -> Span | None:
        """The rows of an image or a sound that come next, if that is what comes next."""
        return self.span_at(self.computed)

    @property
    def readable(self) -> int:
        """Rows still to compute before the next image or sound, or the next token."""
        return self.readable_from(self.computed)

    def span_at(self, row: int) -> Span | None:
        """The image or sound that a row belongs to."""
        return next((span for span in self.spans if span.start <= row < span.stop), None)

    def readable_from(self, row: int) -> int:
        """Rows from there to the next image or sound, or to the end of what is known."""
        stop = next((span.start for span in self.spans if span.start >= row), None)
        return (len(self.tokens) if stop is None else stop) - row

    def position(self, index: int) -> int:
        """Where in the sequence the token at `index` lies; images can take fewer positions than rows."""
        return position_of(index, self.spans) if self.spans else index

    @property
    def answer_tokens(self) -> int:
        """Tokens drawn so far."""
        return len(self.tokens) - len(self.answer.prepared.tokens)

    @property
    def thought_enough(self) -> bool:
        """Whether it is thinking and may not go on with that."""
        limit = self.answer.prepared.thinking_limit
        return limit is not None and self.assembler.thinking and self.thought_tokens >= limit

    @property
    def repeatable(self) -> bool:
        """Whether the same request is meant to give the same text again."""
        sampling = self.answer.prepared.request.sampling
        return sampling.seed is not None or sampling.temperature == 0.0

    @property
    def for_others(self) -> bool:
        """Whether another node asked for it."""
        return self.answer.prepared.request.for_others

    @property
    def writing(self) -> bool:
        """Whether one more row is all it takes to draw the next token."""
        return self.pending == 1 and self.computed > 0

    def accept(self, token: int, piece: bytes, logprob: TokenLogprob | None, *, forced: bool) -> bool:
        """Take a token, drawn or forced; returns whether there is something to show."""
        self.tokens.append(token)
        self.unsent_tokens.append(token)
        if logprob is not None:
            self.unsent_logprobs.append(logprob)
        self.answer.completion_tokens += 1
        was_thinking = self.assembler.thinking
        text, reasoning, calls = self.assembler.push(piece)
        # The marks themselves are no thinking; harmony's channels are known by what they give.
        if self.assembler.thinking if was_thinking else reasoning:
            self.thought_tokens += not forced
            self.answer.reasoning_tokens += not forced
        self.unsent_text += text
        self.unsent_reasoning += reasoning
        self.unsent_calls += calls
        return bool(self.unsent_text or self.unsent_reasoning or self.unsent_calls)

    def finish(self, reason: FinishReason) -> Chunk:
        """The last chunk of this choice; carries usage and timings if it is the last choice."""
        text, reasoning, calls = self.assembler.finish()
        self.unsent_text += text
        self.unsent_reasoning += reasoning
        self.unsent_calls += calls
        if self.assembler.stop_string is not None:
            reason = "stop"
        if reason == "stop" and self.assembler.call_count:
            reason = "tool_calls"
        self.answer.open_choices -= 1
        last = self.answer.open_choices == 0
        return self.show(
            finish_reason=reason,
            usage=self.answer.usage() if last else None,
            timings=self.answer.timings() if last else None,
        )

    def show(
        self, finish_reason: FinishReason | None = None, usage: Usage | None = None, timings: Timings | None = None
    ) -> Chunk:
        """What has not been sent yet."""
        text, self.unsent_text = self.unsent_text, ""
        reasoning, self.unsent_reasoning = self.unsent_reasoning, ""
        calls, self.unsent_calls = tuple(self.unsent_calls), []
        tokens, self.unsent_tokens = tuple(self.unsent_tokens), []
        logprobs, self.unsent_logprobs = tuple(self.unsent_logprobs), []
        answer = self.answer
        prompt_usage = None if answer.is_announced else msgspec.structs.replace(answer.usage(), completion_tokens=0)
        answer.is_announced = True
        return Chunk(
            choice=self.choice,
            text=text,
            reasoning=reasoning,
            tool_calls=calls,
            token_ids=tokens,
            logprobs=logprobs,
            finish_reason=finish_reason,
            stop_string=self.assembler.stop_string if finish_reason else None,
            usage=usage,
            timings=timings,
            prompt_usage=prompt_usage,
        )
