"""Embeddings: texts there, vectors back, checked and brought to unit length."""

import math
import struct

import msgspec

from crofter.core import EmbeddingRequest, EmbeddingResult, TextPrompt
from crofter.providers.dialect import MalformedAnswerError, Sending

from .usage import UsageFields, usage_of


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: UsageFields | None = None


def embedding_sending(model: str, request: EmbeddingRequest) -> Sending:
    """What to send; inputs of token ids were refused before."""
    texts = [each.text for each in request.inputs if isinstance(each, TextPrompt)]
    return Sending(path="/embeddings", body={"model": model, "input": texts, "encoding_format": "float"})


def vectors_of(body: bytes, inputs: int) -> EmbeddingResult:
    """Raises msgspec.DecodeError, or MalformedAnswerError unless there is one usable vector an input."""
    reply = msgspec.json.decode(body, type=_Vectors)
    ordered = sorted(reply.data, key=lambda vector: vector.index)
    widths = {len(vector.embedding) for vector in ordered}
    if [vector.index for vector in ordered] != list(range(inputs)) or len(widths) != 1 or widths == {0}:
        raise MalformedAnswerError
    usage = usage_of(reply.usage or UsageFields())
    return EmbeddingResult(
        vectors=tuple(_unit(vector.embedding) for vector in ordered), prompt_tokens=usage.prompt_tokens
    )


def _unit(vector: list[float]) -> bytes:
    length = math.sqrt(math.fsum(number * number for number in vector))
    if not 0 < length < math.inf:
        raise MalformedAnswerError
    return struct.pack(f"<{len(vector)}f", *(number / length for number in vector))
