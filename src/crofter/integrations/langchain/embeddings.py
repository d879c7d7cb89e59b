"""Vectors of a node's model."""

from langchain_core.embeddings import Embeddings

from crofter.integrations.node_fields import NodeFields


class CrofterEmbeddings(NodeFields, Embeddings):
    """Unit-length vectors, made where the radius allows."""

    dimensions: int | None = None
    """Only the first so many numbers, at unit length again."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text."""
        made = self.node.embed(texts, model=self.model, dimensions=self.dimensions, radius=self.radius)
        return [list(vector) for vector in made.vectors]

    def embed_query(self, text: str) -> list[float]:
        """One vector."""
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text."""
        async with self.async_node() as node:
            made = await node.embed(texts, model=self.model, dimensions=self.dimensions, radius=self.radius)
        return [list(vector) for vector in made.vectors]

    async def aembed_query(self, text: str) -> list[float]:
        """One vector."""
        return (await self.aembed_documents([text]))[0]
