"""Which dialect an address speaks: known before anything is checked, so that refusals are understood too."""

from collections.abc import Callable, Sequence

import msgspec

from crofter.core import CrofterError

from .access import Room
from .anthropic import anthropic_error
from .asgi import Headers, Scope, headers_named
from .errors import error_body
from .limit_headers import anthropic_limits, openai_limits
from .ollama import ollama_error


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What clients of one API read, whatever they asked for."""

    error: Callable[[CrofterError], bytes]
    """The JSON of an error, without a line end."""
    limits: Callable[[Sequence[Room]], Headers]


OPENAI = Dialect(error=error_body, limits=openai_limits)
ANTHROPIC = Dialect(error=anthropic_error, limits=anthropic_limits)
OLLAMA = Dialect(error=ollama_error, limits=openai_limits)

_BY_BEGINNING = (
    ("/v1/messages", ANTHROPIC),
    ("/messages", ANTHROPIC),
    ("/api/", OLLAMA),
    ("/ollama/", OLLAMA),
)


def dialect_of(scope: Scope) -> Dialect:
    """By the address; clients of Anthropic's API name its version too, where two dialects share one. OpenAI's otherwise."""
    path = str(scope["path"])
    for beginning, dialect in _BY_BEGINNING:
        if path.startswith(beginning):
            return dialect
    return ANTHROPIC if headers_named(scope, b"anthropic-version") else OPENAI
