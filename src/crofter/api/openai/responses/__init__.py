"""OpenAI's Responses: items in, items out, with their state kept on this node."""

from .routes import Responses

__all__ = ["Responses"]
