"""Completions in an editor: what it asks for while an older answer is still being written makes that one worthless, and ends it.

Which requests come from one editor only it can say, in a header. Neither the address nor `user` tells: several people, and
several windows of one, share them.
"""

import hashlib
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from crofter.core import Chunk, CrofterError, ErrorCode, InfillPrompt, Usage
from crofter.router import Turn

from .asgi import headers_named
from .call import Call

HEADER = "x-crofter-editor-session"
_SESSION = re.compile(r"[A-Za-z0-9._:-]{8,128}")


class Seat:
    """One completion of an editor that names itself."""

    def __init__(self, editors: "Editors", key: bytes, turn: Turn) -> None:
        self.superseded = False
        """Whether a newer one came before this one ended: what it has written is to be thrown away."""
        self._editors = editors
        self._key = key
        self._turn = turn

    def supersede(self) -> None:
        """End it: the engine is told at once."""
        self.superseded = True
        self._turn.cancel()

    async def follow(self, chunks: AsyncGenerator[Chunk]) -> AsyncGenerator[Chunk]:
        """The turn's chunks; if it is superseded they end as an answer does that has no more to say."""
        read, written = Usage(prompt_tokens=0, completion_tokens=0), 0
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    read, written = chunk.prompt_usage or read, written + len(chunk.token_ids)
                    yield chunk
        except CrofterError as error:
            if not self.superseded or error.code is not ErrorCode.CANCELLED:
                raise
            yield Chunk(finish_reason="stop", usage=msgspec.structs.replace(read, completion_tokens=written))
        finally:
            self._editors.leave(self._key, self)


class Editors:
    """The newest completion of each editor, while it is being written. Used by one event loop."""

    def __init__(self) -> None:
        self._seats: dict[bytes, Seat] = {}

    def seat(self, call: Call, turn: Turn) -> Seat | None:
        """A seat for the completion of a gap, the older one of the same editor being ended; None if no editor is named.

        Raises INVALID_REQUEST for a name that is none.
        """
        given = headers_named(call.scope, HEADER.encode())
        if not given or not isinstance(turn.request.prompt, InfillPrompt) or turn.request.choices != 1:
            return None
        if not _SESSION.fullmatch(given[0]):
            message = f"{HEADER}: 8 to 128 letters, digits and . _ : -, chosen at random by the editor"
            raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter=HEADER)
        # With the key in it, nobody ends what was asked under another one. Hashed, for the key is a secret.
        credentials = [*headers_named(call.scope, b"authorization"), *headers_named(call.scope, b"x-api-key")]
        key = hashlib.sha256("\0".join([given[0], *credentials]).encode()).digest()
        if (older := self._seats.get(key)) is not None:
            older.supersede()
        seat = self._seats[key] = Seat(self, key, turn)
        return seat

    def leave(self, key: bytes, seat: Seat) -> None:
        """The completion has ended."""
        if self._seats.get(key) is seat:
            del self._seats[key]
