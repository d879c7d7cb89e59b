"""Ranking: a question and texts in, how well each answers out. The pair is written as llama-server writes it."""

import re
from collections.abc import Callable

import numpy as np

from crofter.core import CrofterError, ErrorCode
from crofter.engine.wire import Rerank, Reranked

from .context import Logits
from .library import Model
from .pooler import PooledCall
from .vocabulary import Vocabulary

_PLACE = re.compile(r"\{(query|document)\}")
_MARK = re.compile(r"(<[^<>\s]+>|\[[^\[\]\s]+\])")
_TEMPLATE = "rerank"
"""Under this name a model file keeps the text that asks a model made for chat whether a document answers."""


class Ranker:
    """Understands ranking calls."""

    def __init__(self, model: Model, vocabulary: Vocabulary, capacity_tokens: int) -> None:
        """`capacity_tokens`: of one pair of question and document."""
        self._vocabulary = vocabulary
        self._capacity_tokens = capacity_tokens
        # One number is a logit; several are shares already (`llm_graph_context::build_pooling` of llama.cpp), yes the first.
        self._score: Callable[[Logits], float] = _share_of_yes if model.ranking_outputs > 1 else _sigmoid
        template = model.chat_template(_TEMPLATE)
        self._template = None if template is None else self._parsed(template)

    def prepare(self, call: Rerank) -> PooledCall:
        """The call tokenised. Raises INVALID_REQUEST, or CONTEXT_LENGTH_EXCEEDED for a question that is too long."""
        if not call.query or not call.documents:
            missing = "documents" if call.query else "query"
            raise CrofterError(ErrorCode.INVALID_REQUEST, f"{missing} is empty", parameter=missing)
        inputs: list[list[int]] = []
        cut: list[int] = []
        for number, document in enumerate(call.documents):
            tokens = self._pair(call.query, document)
            if len(tokens) > self._capacity_tokens:
                tokens = self._shortened(call.query, document, len(tokens))
                cut.append(number)
            inputs.append(tokens)
        prompt_tokens = sum(map(len, inputs))
        return PooledCall(
            call.call,
            inputs,
            lambda pooled: Reranked(
                call=call.call, scores=tuple(map(self._score, pooled)), cut=tuple(cut), prompt_tokens=prompt_tokens
            ),
        )

    def _pair(self, query: str, document: str) -> list[int]:
        if self._template is not None:
            return self._filled(self._template, {"query": query, "document": document})
        vocabulary = self._vocabulary
        start = [vocabulary.beginning_of_sequence] if vocabulary.adds_beginning_of_sequence else []
        between = [vocabulary.separator] if vocabulary.adds_separator else []
        end = [vocabulary.end_of_text] if vocabulary.adds_end_of_sequence else []
        asked, told = (vocabulary.tokenize(text, add_special=False, parse_special=False) for text in (query, document))
        return [*start, *asked, *end, *between, *told, *end]

    def _parsed(self, template: str) -> list[str | int]:
        """The template's own marks as tokens, and the text between them: a document that holds such marks stays text."""
        pieces: list[str | int] = []
        for piece in filter(None, _MARK.split(template)):
            token = self._vocabulary.mark(piece)
            pieces.append(piece if token is None else token)
        return pieces

    def _filled(self, template: list[str | int], values: dict[str, str]) -> list[int]:
        tokens: list[int] = []
        text = ""
        for piece in [*template, None]:
            if isinstance(piece, str):
                text += _PLACE.sub(lambda place: values[place[1]], piece)
                continue
            tokens += self._vocabulary.tokenize(text, add_special=False, parse_special=False) if text else []
            tokens += [] if piece is None else [piece]
            text = ""
        return tokens

    def _shortened(self, query: str, document: str, size: int) -> list[int]:
        """The pair with as much of the document's beginning as fits. Raises CONTEXT_LENGTH_EXCEEDED if the question does not."""
        kept = self._vocabulary.tokenize(document, add_special=False, parse_special=False)
        tokens: list[int] = []
        while (excess := size - self._capacity_tokens) > 0:
            if not kept:
                message = f"query is too long: {size} tokens > {self._capacity_tokens} maximum, before any document"
                raise CrofterError(ErrorCode.CONTEXT_LENGTH_EXCEEDED, message, parameter="query")
            kept = kept[: max(0, len(kept) - excess)]
            tokens = self._pair(query, self._vocabulary.text(kept))
            size = len(tokens)
        return tokens


def _sigmoid(pooled: Logits) -> float:
    return float(1.0 / (1.0 + np.exp(-np.float64(pooled[0]))))


def _share_of_yes(pooled: Logits) -> float:
    return float(pooled[0])
