"""Ollama's dialect, so that its clients find models and talk to them here."""

from .embedding import Embedding
from .generation import Generation
from .models import OllamaModels
from .pull import Pull
from .replies import ollama_error

__all__ = ["Embedding", "Generation", "OllamaModels", "Pull", "ollama_error"]
