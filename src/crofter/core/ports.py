"""What a room needs from one it may not import. Each port has a real implementation and an in-memory one for tests."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from .ranking import RerankRequest, RerankResult
from .values import Chunk, EmbeddingRequest, EmbeddingResult, GenerationRequest, Model, Prompt, Way


class Backend(Protocol):
    """Something that can answer: the local engine, an attached server, peers."""

    def ways(self, model: Model) -> Sequence[Way]:
        """How it could run a model, each with how far that carries the prompt; none if it cannot. Asks nobody."""
        ...

    def generate(self, model: Model, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Stream an answer. Closing the generator cancels the work and frees what it held.

        Raises CrofterError: before the first chunk for anything wrong with the request, between chunks if the work is lost.
        """
        ...

    async def embed(self, model: Model, request: EmbeddingRequest) -> EmbeddingResult:
        """Vectors for the inputs. Raises CrofterError."""
        ...

    async def rerank(self, model: Model, request: RerankRequest) -> RerankResult:
        """How well each document answers the query. Raises CrofterError."""
        ...

    async def tokenize(self, model: Model, prompt: Prompt) -> Sequence[int]:
        """The token ids a prompt becomes, template and special tokens included. Raises CrofterError."""
        ...

    async def pieces(self, model: Model, prompt: Prompt) -> Sequence[tuple[int, bytes]]:
        """The same, each with how it is written: parts of characters as they are, special tokens too. Raises CrofterError."""
        ...
