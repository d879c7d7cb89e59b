"""Calls written as JSON objects: `{"name": "add", "arguments": {"a": 1}}`, one, several or a list of them."""

import json

from .feed import LONGEST_NAME_CHARACTERS, Feed, NotACall, Waiting
from .pieces import Pieces

_NAMES = ("name", "tool_name", "function")
_ARGUMENTS = ("arguments", "parameters", "args")


def called_object(feed: Feed, pieces: Pieces, *, only_tools: bool = False) -> Waiting[None]:
    """One call. Its arguments stream once the name is known; if they come first they wait for it.

    `only_tools`: names that the request does not offer make it no call, for formats whose calls look like any JSON.
    Raises NotACall if it is not an object, or has no name before the first argument has been given out.
    """
    yield from feed.skip_space()
    yield from feed.expect("{")
    call = _Call(pieces)
    while (char := (yield from feed.skip_space())) in (",", '"'):
        if char == ",":
            yield from feed.take(1)
            continue
        key = yield from _text(feed)
        yield from feed.skip_space()
        yield from feed.expect(":")
        if key in _NAMES and not call.name:
            call.name = yield from _name(feed)
            if only_tools and not pieces.is_tool(call.name):
                raise NotACall
        elif key in _ARGUMENTS and not call.has_arguments:
            yield from call.take_arguments(feed)
        else:
            yield from feed.json_value(lambda _: None)
    if char:
        yield from feed.expect("}")
    call.close()


class _Call:
    """A call whose members come in any order."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._waiting: str | None = None
        self._begun = False
        self.name = ""

    @property
    def has_arguments(self) -> bool:
        return self._begun or self._waiting is not None

    def take_arguments(self, feed: Feed) -> Waiting[None]:
        if not self.name:
            self._waiting = _unpacked((yield from _json(feed)))
            return
        self._pieces.begin(self.name)
        self._begun = True
        yield from arguments(feed, self._pieces)

    def close(self) -> None:
        if not self.name:
            raise NotACall
        if not self._begun:
            self._pieces.begin(self.name)
            self._pieces.arguments(self._waiting or "{}")


def arguments(feed: Feed, pieces: Pieces) -> Waiting[None]:
    """The value of the arguments. An object streams; a text that holds one is unpacked; nothing at all is no arguments."""
    first = yield from feed.skip_space()
    if first == "{":
        yield from feed.json_value(pieces.arguments)
        return
    pieces.arguments(_unpacked((yield from _json(feed))))


def _json(feed: Feed) -> Waiting[str]:
    texts: list[str] = []
    yield from feed.json_value(texts.append)
    return "".join(texts)


def _unpacked(value: str) -> str:
    if not value.startswith('"'):
        return value if value.startswith("{") else "{}"
    try:
        return str(json.loads(value)) or "{}"
    except ValueError:
        return "{}"


def _name(feed: Feed) -> Waiting[str]:
    """The name of a tool. Raises NotACall for what cannot be one."""
    yield from feed.skip_space()
    name = yield from _text(feed)
    if not name or len(name) > LONGEST_NAME_CHARACTERS:
        raise NotACall
    return name


def _text(feed: Feed) -> Waiting[str]:
    if (yield from feed.ahead(1)) != '"':
        raise NotACall
    written = yield from _json(feed)
    try:
        return str(json.loads(written))
    except ValueError:
        raise NotACall from None


def objects(feed: Feed, pieces: Pieces, *, closing: str = "", only_tools: bool = False) -> Waiting[None]:
    """One call, several with `,` or `;` between them, or a list of them; then the closing mark, if there is one."""
    first = yield from feed.skip_space()
    is_list = first == "["
    if is_list:
        yield from feed.take(1)
    yield from called_object(feed, pieces, only_tools=only_tools)
    while (char := (yield from feed.skip_space())) and char in ",;]":
        yield from feed.take(1)
        if char == "]":
            break
        if (yield from feed.skip_space()) == "{":
            yield from called_object(feed, pieces)
    if closing:
        yield from feed.skip_space()
        yield from feed.comes(closing)
