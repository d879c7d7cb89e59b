"""What is said of one operation, and what the dialects have in common."""

from typing import Any

import msgspec

from crofter.api.anthropic.errors import ErrorReply
from crofter.api.errors import ErrorBody

from .ollama_shapes import OllamaError

SSE, NDJSON, TEXT = "text/event-stream", "application/x-ndjson", "text/plain; charset=utf-8"
Shape = Any
"""A type that msgspec has a schema for, or a tuple of several, any of which it may be."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks at an address, and how errors look there."""

    name: str
    error: Shape
    """None: of more than one kind, or text."""
    is_owner: bool = False
    """Whether the administrator's token is needed."""
    has_radius: bool = False
    """Whether requests may say how far they travel."""


OPENAI = Dialect(name="OpenAI", error=ErrorBody, has_radius=True)
ANTHROPIC = Dialect(name="Anthropic", error=ErrorReply, has_radius=True)
OLLAMA = Dialect(name="Ollama", error=OllamaError, has_radius=True)
OLLAMA_OWNER = Dialect(name="Ollama", error=OllamaError, is_owner=True)
NODE = Dialect(name="Node", error=ErrorBody)
OWNER = Dialect(name="Owner", error=ErrorBody, is_owner=True)
MCP = Dialect(name="MCP", error=None)
MODEL_LIST = Dialect(name="OpenAI and Anthropic", error=(ErrorBody, ErrorReply))


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one address."""

    summary: str
    body: Shape = None
    """None: none is read."""
    reply: Shape = None
    """Of the JSON reply; None: there is none."""
    status: int = 200
    """Of success."""
    stream: str = ""
    """The content type of the streamed reply; empty: never streamed."""
    piece: Shape = None
    """Of a line of NDJSON or the data of an event."""
    last_data: str = ""
    """Of the event that closes the stream, where that is no JSON."""
    text: bool = False
    """The reply is plain text."""
    refusals: tuple[int, ...] = ()
    """Statuses beside those that every operation may end with."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A path, with what it answers."""

    path: str
    dialect: Dialect
    operations: dict[str, Operation]
    """By method."""
    also_at: tuple[str, ...] = ()
    """Further paths of the same."""
