"""Texts in the order of how well they answer a question."""

import msgspec

from .ids import RequestId


class RerankRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Texts to be judged by how well they answer a question."""

    request_id: RequestId
    model: str
    query: str
    documents: tuple[str, ...]


class RerankResult(msgspec.Struct, frozen=True, kw_only=True):
    """How well each document answers, in the order in which they were given."""

    scores: tuple[float, ...]
    """From 0 to 1."""
    prompt_tokens: int
    cut: tuple[int, ...] = ()
    """Which documents were longer than the model reads, and judged by their beginning."""
