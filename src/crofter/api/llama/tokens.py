"""`POST /tokenize` and `POST /detokenize`, as scripts and editors know them from llama-server."""

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.replies import JsonReply
from crofter.api.services import Services
from crofter.core import TextPrompt, TokenPrompt

from .wire import DetokenizeBody, TokenizeBody


class WrittenToken(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    piece: str | list[int]
    """Its bytes, where they are no text by themselves."""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    tokens: list[int | WrittenToken]


class Detokenized(msgspec.Struct, frozen=True, kw_only=True):
    content: str


class TokenRoutes:
    """The two routes. Each is a request of the key, and uses no tokens of its limits."""

    def __init__(self, services: Services) -> None:
        self._inference = services.inference

    async def tokenize(self, call: Call) -> App:
        """The token ids of a text, and how each is written if that is asked for."""
        body = await call.body(TokenizeBody)
        prompt = TextPrompt(text=body.content, add_special=body.add_special, parse_special=body.parse_special)
        if not body.with_pieces:
            return JsonReply(Tokens(tokens=[*await self._inference.tokenize(body.model, prompt, call.asker)]))
        pieces = await self._inference.pieces(body.model, prompt, call.asker)
        return JsonReply(Tokens(tokens=[WrittenToken(id=token, piece=_shown(piece)) for token, piece in pieces]))

    async def detokenize(self, call: Call) -> App:
        """The text of token ids, special tokens included."""
        body = await call.body(DetokenizeBody)
        pieces = await self._inference.pieces(body.model, TokenPrompt(tokens=tuple(body.tokens)), call.asker)
        text = b"".join(piece for _, piece in pieces).decode("utf-8", "replace")
        return JsonReply(Detokenized(content=text))


def _shown(piece: bytes) -> str | list[int]:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)
