"""Vectors and models, as a node gives them."""

import base64
import struct
from collections.abc import Sequence

import msgspec

from crofter.core import Provenance, Radius

from .answers import Extension
from .asking import radius_header
from .request import Request


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """A unit-length vector for each text, in order."""

    vectors: tuple[tuple[float, ...], ...]
    model: str
    prompt_tokens: int
    provenance: Provenance | None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a node offers."""

    name: str
    model_id: str
    context_length: int
    capabilities: tuple[str, ...]
    default: bool


class _Vector(msgspec.Struct):
    embedding: str


class _VectorUsage(msgspec.Struct):
    prompt_tokens: int


class VectorList(msgspec.Struct):
    """The reply of `/v1/embeddings`."""

    data: list[_Vector]
    model: str
    usage: _VectorUsage
    crofter: Extension = msgspec.field(default_factory=Extension)

    def embeddings(self) -> Embeddings:
        """Decoded: little-endian float32 in base64."""
        return Embeddings(
            vectors=tuple(_numbers(base64.b64decode(entry.embedding)) for entry in self.data),
            model=self.model,
            prompt_tokens=self.usage.prompt_tokens,
            provenance=self.crofter.provenance,
        )


class _ModelFacts(msgspec.Struct):
    model_id: str = ""
    context_length: int = 0
    capabilities: tuple[str, ...] = ()
    default: bool = False


class _ModelEntry(msgspec.Struct):
    id: str
    crofter: _ModelFacts = msgspec.field(default_factory=_ModelFacts)


class ModelPage(msgspec.Struct):
    """The reply of `/v1/models`."""

    data: list[_ModelEntry]

    def models(self) -> list[Model]:
        """What a program wants to know of each."""
        return [
            Model(
                name=entry.id,
                model_id=entry.crofter.model_id,
                context_length=entry.crofter.context_length,
                capabilities=entry.crofter.capabilities,
                default=entry.crofter.default,
            )
            for entry in self.data
        ]


MODELS = Request(method="GET", path="/v1/models", repeatable=True)


def embedding_request(texts: Sequence[str], model: str, dimensions: int | None, radius: Radius) -> Request:
    """Texts to vectors."""
    body: dict[str, object] = {"input": list(texts), "model": model, "encoding_format": "base64"}
    if dimensions is not None:
        body["dimensions"] = dimensions
    return Request(method="POST", path="/v1/embeddings", body=body, headers=radius_header(radius), repeatable=True)


def _numbers(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(vector) // 4}f", vector)
