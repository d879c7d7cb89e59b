"""Models that are on this machine already: in files, in folders, and in what Ollama, LM Studio and the Hugging Face cache hold."""

from .candidates import FoundModel
from .search import Found, Places, find_models

__all__ = ["Found", "FoundModel", "Places", "find_models"]
