"""Anthropic's messages."""

from .request import LEAST_BUDGET_TOKENS, sending
from .stream import AnthropicReader

__all__ = ["LEAST_BUDGET_TOKENS", "AnthropicReader", "sending"]
