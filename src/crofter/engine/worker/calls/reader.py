"""One answer on its way through the parser of its notation."""

from crofter.core import ToolCallDelta

from .feed import Feed
from .notation import Notation, calls_in
from .pieces import EnoughCalls, Pieces, Schemas

Read = tuple[str, str, tuple[ToolCallDelta, ...]]
"""Text, thinking, and what calls grew by."""


class CallReader:
    """Takes an answer in pieces; gives text, thinking and calls as they become certain."""

    def __init__(self, notation: Notation, schemas: Schemas, *, parallel: bool = True) -> None:
        """`parallel`: more than one call; without it the second one ends the answer."""
        self._feed = Feed()
        self._pieces = Pieces(schemas, None if parallel else 1, self._feed.forget)
        self.ended = False
        """Whether as many calls were made as are allowed, and another one began."""
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
        return self._read()

    def finish(self) -> Read:
        """Nothing more comes."""
        self._feed.ended = True
        return self._read()

    def _read(self) -> Read:
        if not self.ended:
            try:
                next(self._parser, None)
            except EnoughCalls:
                self.ended = True
        return self._pieces.take()
