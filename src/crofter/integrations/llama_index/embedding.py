"""Vectors of a node's model."""

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding

from crofter.integrations.node_fields import NodeFields


class CrofterEmbedding(NodeFields, BaseEmbedding):
    """Unit-length vectors, made where the radius allows."""

    dimensions: int | None = None
    """Only the first so many numbers, at unit length again."""

    @classmethod
    def class_name(cls) -> str:
        """As LlamaIndex calls it."""
        return "CrofterEmbedding"

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        made = self.node.embed(texts, model=self.model, dimensions=self.dimensions, radius=self.radius)
        return [list(vector) for vector in made.vectors]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embedding(query)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        async with self.async_node() as node:
            made = await node.embed(texts, model=self.model, dimensions=self.dimensions, radius=self.radius)
        return [list(vector) for vector in made.vectors]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings([text]))[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return await self._aget_text_embedding(query)
