"""Anthropic's messages."""

from .request import sending
from .stream import AnthropicReader

__all__ = ["AnthropicReader", "sending"]
