"""What a room needs from one it may not import. Each port has a real implementation and an in-memory one for tests."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from .ranking import RerankRequest, RerankResult
from .values import Chunk, EmbeddingRequest, EmbeddingResult, GenerationRequest, ModelFile, Prompt


class Backend(Protocol):
    """Something that can answer: the local engine, an attached server, peers."""

    @property
    def name(self) -> str:
        """How provenance calls it."""
        ...

    def generate(self, model: ModelFile, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Stream an answer. Closing the generator cancels the work and frees what it held.

        Raises CrofterError: before the first chunk for anything wrong with the request, between chunks if the work is lost.
        """
        ...

    async def embed(self, model: ModelFile, request: EmbeddingRequest) -> EmbeddingResult:
        """Vectors for the inputs. Raises CrofterError."""
        ...

    async def rerank(self, model: ModelFile, request: RerankRequest) -> RerankResult:
        """How well each document answers the query. Raises CrofterError."""
        ...

    async def tokenize(self, model: ModelFile, prompt: Prompt) -> Sequence[int]:
        """The token ids a prompt becomes, template and special tokens included. Raises CrofterError."""
        ...
