"""What both wires have in common: a request to send, and a reader of what comes back."""

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from crofter.core import Chunk


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """A request in a provider's own form."""

    path: str
    """Below the base address."""
    body: dict[str, Any]

    def content(self) -> bytes:
        """What goes over the line."""
        return msgspec.json.encode(self.body)


class AnswerReader(Protocol):
    """Turns the events of one answer into chunks."""

    @property
    def ended(self) -> bool:
        """Whether the provider has said that nothing more comes."""
        ...

    def take(self, data: bytes) -> Iterable[Chunk]:
        """The chunks of one event. Raises CrofterError for an error in it; msgspec.DecodeError or MalformedAnswerError for nonsense."""
        ...

    def finish(self) -> Chunk | None:
        """The last chunk, held back until the token counts were known; None if the answer is not complete."""
        ...


class MalformedAnswerError(Exception):
    """JSON, but not an answer."""
