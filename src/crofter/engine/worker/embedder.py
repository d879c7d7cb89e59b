"""Embeddings: pooled vectors from a context of their own, made when first asked for."""

from collections import deque

import msgspec
import numpy as np

from crofter.core import CrofterError, ErrorCode, TextPrompt
from crofter.engine.plan import LONGEST_EMBEDDING_TOKENS
from crofter.engine.wire import Embed, Embedded, Failed, FromWorker, LoadPlan

from .library import Context, Model
from .vocabulary import Vocabulary

_LONGEST_INPUT_TOKENS_OF_WRITERS = 2048
"""Models made for writing seldom embed; their context is kept small, for its buffers grow with it."""


class Embedder:
    """Works through embedding calls, one batch a step."""

    def __init__(self, model: Model, vocabulary: Vocabulary, load: LoadPlan, *, dedicated: bool) -> None:
        longest = LONGEST_EMBEDDING_TOKENS if dedicated else _LONGEST_INPUT_TOKENS_OF_WRITERS
        self._capacity = min(load.context_tokens, longest)
        self._model = model
        self._vocabulary = vocabulary
        self._load = load
        self._context: Context | None = None
        self._waiting: deque[tuple[Embed, list[list[int]], list[bytes]]] = deque()

    @property
    def busy(self) -> bool:
        """Whether a step has anything to do."""
        return bool(self._waiting)

    def tokenize(self, call: Embed) -> list[list[int]]:
        """Token lists of the inputs. Raises CrofterError if one is empty or too long."""
        inputs: list[list[int]] = []
        for number, item in enumerate(call.inputs):
            if isinstance(item, TextPrompt):
                tokens = self._vocabulary.tokenize(item.text, add_special=True, parse_special=False)
            else:
                tokens = list(item.tokens)
            if not tokens:
                raise CrofterError(ErrorCode.INVALID_REQUEST, f"input {number} is empty", parameter="input")
            if any(not 0 <= token < self._vocabulary.size for token in tokens):
                raise CrofterError(
                    ErrorCode.INVALID_REQUEST,
                    f"input {number} has token ids of another model; send text (LangChain: check_embedding_ctx_length=False)",
                    parameter="input",
                )
            if len(tokens) > self._capacity:
                raise CrofterError(
                    ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                    f"input {number} is too long: {len(tokens)} tokens > {self._capacity} maximum",
                    parameter="input",
                )
            inputs.append(tokens)
        return inputs

    def submit(self, call: Embed, inputs: list[list[int]]) -> None:
        """Take a call whose inputs are tokenised."""
        self._waiting.append((call, inputs, []))

    def cancel(self, call: int) -> None:
        """Forget a call; unknown ones are finished."""
        self._waiting = deque(entry for entry in self._waiting if entry[0].call != call)

    def step(self) -> list[FromWorker]:
        """Embed as many inputs of the oldest call as fit one batch."""
        call, inputs, vectors = self._waiting[0]
        try:
            self._embed_some(inputs, vectors)
        except CrofterError as error:
            self._waiting.popleft()
            return [Failed(call=call.call, error=error.report())]
        if len(vectors) < len(inputs):
            return []
        self._waiting.popleft()
        return [Embedded(call=call.call, vectors=tuple(vectors), prompt_tokens=sum(map(len, inputs)))]

    def _embed_some(self, inputs: list[list[int]], vectors: list[bytes]) -> None:
        if self._context is None:
            self._context = Context(
                self._model, msgspec.structs.replace(self._load, context_tokens=self._capacity), embeddings=True
            )
        context, row, first = self._context, 0, len(vectors)
        context.clear()
        number = first
        while (
            number < len(inputs)
            and number - first < self._load.sequences
            and row + len(inputs[number]) <= self._capacity
        ):
            row = context.put(row, inputs[number], 0, number - first, "all")
            number += 1
        code = context.decode(row)
        if code != 0:
            raise CrofterError(ErrorCode.WORKER_FAILED, f"llama.cpp failed to embed (code {code})")
        for sequence in range(number - first):
            vector = context.sequence_embedding(sequence)
            norm = float(np.linalg.norm(vector))
            vectors.append((vector / norm if norm > 0.0 else vector).astype("<f4").tobytes())
