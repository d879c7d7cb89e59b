"""LlamaIndex: `Crofter` and `CrofterEmbedding`, with the extra `crofter[llama-index]`.

from crofter.integrations.llama_index import Crofter

answer = Crofter(model="qwen3:4b").complete("Why is the sky blue?")
answer.raw["provenance"]["ran_on"]
"""

try:
    import llama_index.core as _llama_index_core
except ImportError as error:
    raise ImportError(
        "LlamaIndex is not installed; `pip install 'crofter[llama-index]'` brings what this needs"
    ) from error

from .embedding import CrofterEmbedding
from .llm import Crofter

__all__ = ["Crofter", "CrofterEmbedding"]

del _llama_index_core
