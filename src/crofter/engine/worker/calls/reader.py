"""One answer on its way through the parser of its notation."""

from crofter.core import ToolCallDelta

from .feed import Feed
from .formats import Notation, calls_in
from .pieces import Pieces, Schemas

Read = tuple[str, str, tuple[ToolCallDelta, ...]]
"""Text, thinking, and what calls grew by."""


class CallReader:
    """Takes an answer in pieces; gives text, thinking and calls as they become certain."""

    def __init__(self, notation: Notation, schemas: Schemas) -> None:
        self._feed = Feed()
        self._pieces = Pieces(schemas)
        self._parser = calls_in(notation, self._feed, self._pieces)

    @property
    def count(self) -> int:
        """Calls begun so far."""
        return self._pieces.count

    def push(self, text: str) -> Read:
        """More text."""
        if not text:
            return "", "", ()
        self._feed.add(text)
        next(self._parser, None)
        return self._pieces.take()

    def finish(self) -> Read:
        """Nothing more comes."""
        self._feed.ended = True
        next(self._parser, None)
        return self._pieces.take()
