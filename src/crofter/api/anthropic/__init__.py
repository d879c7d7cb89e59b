"""Anthropic's dialect: messages, their count of tokens, and the list of models in its shape."""

from .errors import anthropic_error
from .messages import Messages
from .models import AnthropicModels

__all__ = ["AnthropicModels", "Messages", "anthropic_error"]
