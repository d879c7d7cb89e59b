"""Embeddings: texts in, unit vectors out."""

import numpy as np

from crofter.core import CrofterError, ErrorCode, TextPrompt
from crofter.engine.wire import Embed, Embedded

from .context import Logits
from .pooler import PooledCall
from .vocabulary import Vocabulary


class Embedder:
    """Understands embedding calls."""

    def __init__(self, vocabulary: Vocabulary, capacity_tokens: int) -> None:
        """`capacity_tokens`: of one input."""
        self._vocabulary = vocabulary
        self._capacity_tokens = capacity_tokens

    def prepare(self, call: Embed) -> PooledCall:
        """The call tokenised. Raises CrofterError if an input is empty or too long."""
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
            if len(tokens) > self._capacity_tokens:
                raise CrofterError(
                    ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                    f"input {number} is too long: {len(tokens)} tokens > {self._capacity_tokens} maximum",
                    parameter="input",
                )
            inputs.append(tokens)
        prompt_tokens = sum(map(len, inputs))
        return PooledCall(
            call.call,
            inputs,
            lambda pooled: Embedded(call=call.call, vectors=tuple(map(_unit, pooled)), prompt_tokens=prompt_tokens),
        )


def _unit(vector: Logits) -> bytes:
    norm = float(np.linalg.norm(vector))
    return (vector / norm if norm > 0.0 else vector).astype("<f4").tobytes()
