"""Text that comes in pieces, for parsers that are written as if it were all there.

A parser is a generator: it waits in `yield` for more text, so what it finds depends on the text and never on where it was cut.
"""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from crofter.engine.worker.cuts import longest_partial_suffix

T = TypeVar("T")
Waiting = Generator[None, None, T]
"""A parser's step: yields while it needs more text, returns what it found."""
Sink = Callable[[str], None]
_SPACE = " \t\r\n"
LONGEST_NAME_CHARACTERS = 256
_LONGEST_ARGUMENT_CHARACTERS = 4 * 1024 * 1024


class NotACall(Exception):  # noqa: N818 - a turn in the parse, not an error
    """What began like a call is not one."""


class Feed:
    """The text so far, and how far it was read."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self._kept_from: int | None = None
        self.ended = False

    def add(self, text: str) -> None:
        """More text."""
        start = self._at if self._kept_from is None else self._kept_from
        self._text = self._text[start:] + text
        self._at -= start
        if self._kept_from is not None:
            self._kept_from = 0

    def keep(self) -> None:
        """From here on text stays, until `forget` or `rewind`."""
        self._kept_from = self._at

    def forget(self) -> None:
        """What was kept is not needed any more."""
        self._kept_from = None

    def rewind(self) -> None:
        """Go back to where `keep` was called."""
        if self._kept_from is not None:
            self._at, self._kept_from = self._kept_from, None

    def ahead(self, count: int) -> Waiting[str]:
        """The next characters without taking them; fewer only at the end."""
        while len(self._text) - self._at < count and not self.ended:
            yield
        return self._text[self._at : self._at + count]

    def take(self, count: int) -> Waiting[str]:
        """The next characters; fewer only at the end."""
        taken = yield from self.ahead(count)
        self._at += len(taken)
        return taken

    def skip_space(self) -> Waiting[str]:
        """Take white space; the next character after it, or nothing at the end."""
        while True:
            char = yield from self.ahead(1)
            if not char or char not in _SPACE:
                return char
            self._at += 1

    def comes(self, mark: str) -> Waiting[bool]:
        """Whether `mark` is next; takes it if so. Waits no longer than the text could still become it."""
        for length in range(1, len(mark) + 1):
            if (yield from self.ahead(length)) != mark[:length]:
                return False
        self._at += len(mark)
        return True

    def expect(self, mark: str) -> Waiting[None]:
        """Take `mark`. Raises NotACall if something else is next."""
        if not (yield from self.comes(mark)):
            raise NotACall

    def until(self, marks: Sequence[str], sink: Sink) -> Waiting[str]:
        """Take the text before the earliest mark, and the mark, which is returned; nothing if the text ends without one."""
        while True:
            found = [(place, -len(mark), mark) for mark in marks if (place := self._text.find(mark, self._at)) >= 0]
            stop = min(found)[0] if found else len(self._text)
            # A longer mark that begins here may still be coming.
            held = 0 if self.ended else longest_partial_suffix(self._text[self._at :], marks)
            certain = min(stop, len(self._text) - held)
            if certain > self._at:
                sink(self._text[self._at : certain])
                self._at = certain
            if found and certain == stop:
                mark = min(found)[2]
                self._at = stop + len(mark)
                return mark
            if self.ended:
                return ""
            yield

    def text_until(self, *marks: str, most: int = _LONGEST_ARGUMENT_CHARACTERS) -> Waiting[tuple[str, str]]:
        """The text before the earliest mark, and that mark. Raises NotACall if there is none, or too much before it."""
        pieces: list[str] = []
        size = 0

        def sink(piece: str) -> None:
            nonlocal size
            size += len(piece)
            if size > most:
                raise NotACall
            pieces.append(piece)

        mark = yield from self.until(marks, sink)
        if not mark:
            raise NotACall
        return "".join(pieces), mark

    def json_value(self, sink: Sink) -> Waiting[None]:
        """Take one JSON value, its text to `sink` as it comes. Raises NotACall if none begins here; at the end of all text it is cut."""
        first = yield from self.skip_space()
        if first in ("{", "["):
            yield from self._nested(sink)
        elif first == '"':
            yield from self._string(sink)
        else:
            yield from self._scalar(sink)

    def _string(self, sink: Sink) -> Waiting[None]:
        sink((yield from self.take(1)))
        while True:
            mark = yield from self.until(('"', "\\"), sink)
            sink(mark)
            if mark != "\\":
                return
            sink((yield from self.take(1)))

    def rest_of_object(self, sink: Sink) -> Waiting[None]:
        """Take the rest of a JSON object whose brace was taken."""
        yield from self._nested(sink, depth=1)

    def _nested(self, sink: Sink, depth: int = 0) -> Waiting[None]:
        while True:
            mark = yield from self.until(("{", "[", "}", "]", '"'), sink)
            if not mark:
                return
            if mark == '"':
                self._at -= 1
                yield from self._string(sink)
                continue
            sink(mark)
            depth += 1 if mark in "{[" else -1
            if depth == 0:
                return

    def _scalar(self, sink: Sink) -> Waiting[None]:
        empty = True
        while (char := (yield from self.ahead(1))) and (char.isalnum() or char in "+-.eE"):
            sink(char)
            empty = False
            self._at += 1
        if empty:
            raise NotACall
