"""LangChain: `ChatCrofter` and `CrofterEmbeddings`, with the extra `crofter[langchain]`.

from crofter.integrations.langchain import ChatCrofter

answer = ChatCrofter(model="qwen3:4b").invoke("Why is the sky blue?")
answer.response_metadata["provenance"]["ran_on"]
"""

try:
    import langchain_core as _langchain_core
except ImportError as error:
    raise ImportError(
        "LangChain is not installed; `pip install 'crofter[langchain]'` brings what this needs"
    ) from error

from .chat import ChatCrofter
from .embeddings import CrofterEmbeddings

__all__ = ["ChatCrofter", "CrofterEmbeddings"]

del _langchain_core
