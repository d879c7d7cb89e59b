"""OpenAI's dialect."""

from .chat import ChatCompletions
from .completions import Completions
from .embeddings import Embeddings
from .models import ModelList
from .responses import Responses

__all__ = ["ChatCompletions", "Completions", "Embeddings", "ModelList", "Responses"]
