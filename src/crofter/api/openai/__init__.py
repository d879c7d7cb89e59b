"""OpenAI's dialect."""

from .chat import ChatCompletions
from .completions import Completions
from .embeddings import Embeddings
from .models import ModelList

__all__ = ["ChatCompletions", "Completions", "Embeddings", "ModelList"]
