"""From a request to tokens: templates, tokenising and limits. Runs beside the scheduler, so that a long prompt stalls nobody."""

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from crofter.core import (
    ChatPrompt,
    CrofterError,
    ErrorCode,
    GenerationRequest,
    Grammar,
    InfillPrompt,
    JsonSchema,
    MediaPart,
    Prompt,
    Sampling,
    TextPrompt,
    TokenPrompt,
    pieces_of,
    thinking_share,
)

from .calls import GENERIC, CallReader, Marks, Notation, calls_grammar, notation_of
from .constraint import WHITESPACE, Compiler, Constraint
from .infill import Infill
from .library import Model
from .media import Readings, Rows, Span
from .renderer import Renderer
from .session import PreparedRequest
from .template import ChatTemplate
from .text import reasoning_markers
from .vocabulary import Vocabulary

_MAXIMUM_CHOICES = 128
_ANSWER_SHARE = 4
"""What part of the context is left for an answer of no given length, when a prompt is shortened."""


class Tokens(NamedTuple):
    """A prompt as the model reads it."""

    ids: list[int]
    begins_thinking: bool = False
    """Whether the model is made to begin with thinking."""
    spans: tuple[Span, ...] = ()
    """Where rows of images and sounds stand."""


_NO_MEDIA = Readings({})


class Intake:
    """Turns requests into prepared requests. Takes its callers one by one, from whatever thread they come."""

    def __init__(self, model: Model, vocabulary: Vocabulary, renderer: Renderer, context_tokens: int) -> None:
        self._one_by_one = threading.Lock()
        self._vocabulary = vocabulary
        self._context_tokens = context_tokens
        self._compiler = Compiler(vocabulary)
        self._infill = Infill(vocabulary)
        self._template = ChatTemplate(
            renderer,
            model.chat_template(),
            bos_token=vocabulary.marker(vocabulary.beginning_of_sequence),
            eos_token=vocabulary.marker(vocabulary.end_of_sequence),
        )
        self.markers = reasoning_markers(self._template.source)
        if self.markers is not None:
            vocabulary.show_markers(self.markers)
        self._notation = notation_of(self._template.source)
        vocabulary.show_markers((*self._notation.openings, *self._notation.markers))

    def tokenize(self, prompt: Prompt, readings: Readings = _NO_MEDIA) -> Tokens:
        """What a prompt becomes; `readings` are what its media became. Raises CrofterError."""
        with self._one_by_one:
            return self._tokenize(prompt, readings)

    def written(self, tokens: Sequence[int]) -> tuple[bytes, ...]:
        """How each token is written, special tokens included."""
        return tuple(self._vocabulary.written_token(token) for token in tokens)

    def _tokenize(self, prompt: Prompt, readings: Readings, room_tokens: int | None = None) -> Tokens:
        """`room_tokens`: what a prompt that may be shortened may take."""
        match prompt:
            case ChatPrompt():
                text = self._template.render(prompt)
                thinks = self.markers is not None and text.rstrip().endswith(self.markers[0])
                # Templates write the model's first token themselves; adding it again would double it.
                doubled = self._vocabulary.marker(self._vocabulary.beginning_of_sequence)
                add_special = not (doubled and text.startswith(doubled))
                if prompt.media:
                    ids, spans = self._with_media(text, prompt.media, readings, add_special=add_special)
                    return Tokens(ids, thinks, spans)
                return Tokens(self._vocabulary.tokenize(text, add_special=add_special, parse_special=True), thinks)
            case TextPrompt():
                return Tokens(
                    self._vocabulary.tokenize(
                        prompt.text, add_special=prompt.add_special, parse_special=prompt.parse_special
                    )
                )
            case TokenPrompt():
                for token in prompt.tokens:
                    if not 0 <= token < self._vocabulary.size:
                        raise CrofterError(
                            ErrorCode.INVALID_REQUEST, f"this model has no token {token}", parameter="prompt"
                        )
                return Tokens(list(prompt.tokens))
            case InfillPrompt():
                return Tokens(self._infill.tokens(prompt, room_tokens))

    def _with_media(
        self, text: str, media: Sequence[MediaPart], readings: Readings, *, add_special: bool
    ) -> tuple[list[int], tuple[Span, ...]]:
        """Tokens of a text in which markers stand, with what the media became in their places.

        The parts between are tokenised by themselves, as `mtmd_tokenize` does. Raises MODEL_INVALID if the template lost a part.
        """
        starts = add_special and self._vocabulary.adds_beginning_of_sequence
        ids = [self._vocabulary.beginning_of_sequence] if starts else []
        spans: list[Span] = []
        for piece in pieces_of(text, media):
            if isinstance(piece, str):
                ids += self._vocabulary.tokenize(piece, add_special=False, parse_special=True)
                continue
            for read in readings.by_marker[piece.marker]:
                if isinstance(read, Rows):
                    spans.append(Span(len(ids), read))
                    ids += read.stand_ins()
                else:
                    ids += read
        lost = next((part for part in media if part.marker not in text), None)
        if lost is not None or (spans and spans[-1].stop == len(ids)):
            place = (lost or media[-1]).place
            raise CrofterError(ErrorCode.MODEL_INVALID, f"the model's chat template has no place for {place}")
        return ids, tuple(spans)

    def prepare(
        self, call: int, request: GenerationRequest, arrived: float, readings: Readings = _NO_MEDIA
    ) -> PreparedRequest:
        """Everything about a request that needs no weights; it `arrived` at that time.monotonic().

        Raises CrofterError for whatever is wrong with it.
        """
        with self._one_by_one:
            return self._prepare(call, request, arrived, readings)

    def _prepare(self, call: int, request: GenerationRequest, arrived: float, readings: Readings) -> PreparedRequest:
        if not 1 <= request.choices <= _MAXIMUM_CHOICES:
            raise CrofterError(ErrorCode.INVALID_REQUEST, f"n must be from 1 to {_MAXIMUM_CHOICES}", parameter="n")
        _check_sampling(request.sampling)
        tokens, begins_thinking, spans = self._tokenize(request.prompt, readings, self._room(request))
        if not tokens:
            # Something has to be computed to draw the first token from.
            start = self._vocabulary.beginning_of_sequence
            tokens = [start if start >= 0 else max(self._vocabulary.end_of_sequence, 0)]
        room = self._context_tokens - len(tokens)
        if room < 1:
            raise CrofterError(
                ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                f"prompt is too long: {len(tokens)} tokens > {self._context_tokens - 1} maximum",
                parameter="messages" if isinstance(request.prompt, ChatPrompt) else "prompt",
            )
        limit = room if request.max_tokens is None else request.max_tokens
        if limit > room and request.shortens_to_fit:
            limit = room
        if limit > room:
            raise CrofterError(
                ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                f"the prompt's {len(tokens)} tokens and max_tokens {request.max_tokens} exceed the context of "
                f"{self._context_tokens} tokens; max_tokens of up to {room} fits",
                parameter="max_tokens",
            )
        return PreparedRequest(
            call=call,
            request=request,
            tokens=tokens,
            answer_limit=limit,
            constraint=self._constraint(request),
            begins_thinking=begins_thinking,
            thinking_limit=self._thinking_limit(request, limit),
            calls=self._calls(request),
            arrived=arrived,
            spans=spans,
            media_seconds=readings.seconds,
            media_read=readings.read,
        )

    def _thinking_limit(self, request: GenerationRequest, answer_limit: int) -> int | None:
        """What was asked for; else, for a template that knows no effort, the share of the answer that an effort means."""
        if request.thinking_tokens is not None or not isinstance(request.prompt, ChatPrompt):
            return request.thinking_tokens
        share = thinking_share(request.prompt.template_arguments.get("reasoning_effort"))
        if share is None or "reasoning_effort" in self._template.source:
            return None
        return int(share * answer_limit)

    def _room(self, request: GenerationRequest) -> int | None:
        if not request.shortens_to_fit:
            return None
        answer = self._context_tokens // _ANSWER_SHARE if request.max_tokens is None else request.max_tokens
        return max(self._context_tokens - answer, self._context_tokens // 2)

    def _calls(self, request: GenerationRequest) -> Callable[[], CallReader] | None:
        """Starts the reader of calls, where an answer may hold some. Harmony is read in any case: its marks tell thinking apart too."""
        prompt = request.prompt
        if not isinstance(prompt, ChatPrompt) or not (prompt.tools or self._notation.whole):
            return None
        notation = self._notation if not _prescribes_calls(request) else self._prescribed
        functions: list[dict[str, Any]] = [tool.get("function") or {} for tool in prompt.tools]
        schemas: dict[str, dict[str, Any]] = {str(one.get("name")): one.get("parameters") or {} for one in functions}
        return lambda: CallReader(notation, schemas, parallel=prompt.tool_choice.parallel)

    @property
    def _prescribed(self) -> Notation:
        return self._notation if self._notation.frame is not None else GENERIC

    def _constraint(self, request: GenerationRequest) -> Callable[[], Constraint] | None:
        form, prompt, frame = request.constraint, request.prompt, self._prescribed.frame
        if not _prescribes_calls(request) or not isinstance(prompt, ChatPrompt) or frame is None:
            return None if form is None else self._compiler.compile(form)
        notation = self._prescribed
        grammar = calls_grammar(
            frame,
            prompt.tools,
            prompt.tool_choice,
            Marks((*notation.openings, *notation.markers), self._compiler.token_of),
            otherwise=(form.schema or {"type": "object"}) if isinstance(form, JsonSchema) else None,
            whitespace=WHITESPACE,
        )
        return self._compiler.compile_lark(grammar)


def _prescribes_calls(request: GenerationRequest) -> bool:
    """Whether calls have a form to keep: because one is required, its arguments are strict, or the answer has a form of its own."""
    prompt = request.prompt
    if not isinstance(prompt, ChatPrompt) or not prompt.tools or isinstance(request.constraint, Grammar):
        return False
    functions: list[dict[str, Any]] = [tool.get("function") or {} for tool in prompt.tools]
    strict = any(function.get("strict") for function in functions)
    return prompt.tool_choice.required or strict or request.constraint is not None


def _check_sampling(sampling: Sampling) -> None:
    """Refuse numbers that llama.cpp's samplers would abort on or turn into nonsense."""
    numbers = [value for value in msgspec.structs.astuple(sampling) if isinstance(value, float)]
    if not all(map(math.isfinite, [*numbers, *sampling.logit_bias.values()])):
        raise CrofterError(ErrorCode.INVALID_REQUEST, "sampling values must be finite numbers")
    if sampling.repetition_penalty <= 0.0:
        raise CrofterError(
            ErrorCode.INVALID_REQUEST, "the repetition penalty must be above 0", parameter="repetition_penalty"
        )
