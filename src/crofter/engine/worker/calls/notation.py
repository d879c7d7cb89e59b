"""How calls are written, and reading a whole answer for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .feed import Feed, NotACall, Waiting
from .grammar import Frame
from .pieces import Pieces

Parser = Callable[[Feed, Pieces], Waiting[None]]


@dataclass(frozen=True)
class Notation:
    """How calls are written."""

    name: str
    signs: tuple[str, ...]
    """All of these stand in the templates of models that write so."""
    openings: dict[str, Parser]
    """What a call, or a list of them, begins with, and what reads on from there."""
    bare: Parser | None = None
    """Reads an answer that begins with a call without any mark."""
    markers: tuple[str, ...] = ()
    """Control tokens beside the openings that the parsers look for."""
    frame: Frame | None = None
    """How a call is written when its form is prescribed; None: as GENERIC, which the model is made to write."""
    whole: Parser | None = None
    """Reads the whole answer, thinking included; instead of openings."""


def calls_in(notation: Notation, feed: Feed, pieces: Pieces) -> Waiting[None]:
    """Reads a whole answer: text, and calls wherever they begin. What only looked like a call is text."""
    if notation.whole is not None:
        yield from notation.whole(feed, pieces)
        return
    if notation.bare is not None:
        yield from _reads(notation.bare, feed, pieces)
    while True:
        opening, space = yield from _text_before(feed, pieces, tuple(notation.openings))
        if not opening:
            return
        if not (yield from _reads(notation.openings[opening], feed, pieces)):
            pieces.text(space + opening)


def _reads(parser: Parser, feed: Feed, pieces: Pieces) -> Waiting[bool]:
    """Whether there was a call. If not, the feed is where it was; a call that breaks off in the middle stays one."""
    begun = pieces.count
    feed.keep()
    try:
        yield from parser(feed, pieces)
    except NotACall:
        if pieces.count == begun:
            feed.rewind()
            return False
    feed.forget()
    return True


def _text_before(feed: Feed, pieces: Pieces, openings: Sequence[str]) -> Waiting[tuple[str, str]]:
    """Text up to an opening; gives the opening, and the white space before it, which belongs to neither if a call follows."""
    if pieces.count:
        yield from feed.skip_space()
    space = ""

    def sink(text: str) -> None:
        nonlocal space
        text = space + text
        stripped = text.rstrip()
        space = text[len(stripped) :]
        if stripped:
            pieces.text(stripped)

    opening = yield from feed.until(openings, sink)
    if not opening and not pieces.count:
        pieces.text(space)
    return opening, space
