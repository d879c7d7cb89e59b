"""OpenAI's chat completions, completions and embeddings, as most servers speak them."""

from .embeddings import embedding_sending, vectors_of
from .request import sending
from .stream import OpenAIReader

__all__ = ["OpenAIReader", "embedding_sending", "sending", "vectors_of"]
