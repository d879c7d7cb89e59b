"""Calls whose tool's name stands before a JSON object of arguments: Mistral, DeepSeek, Kimi."""

from .feed import LONGEST_NAME_CHARACTERS, Feed, NotACall, Waiting
from .objects import arguments, objects
from .pieces import Pieces


def mistral(feed: Feed, pieces: Pieces) -> Waiting[None]:
    """After `[TOOL_CALLS]`: a JSON list (until 2025), or `add[CALL_ID]x[ARGS]{"a": 1}`, the mark again before each further call."""
    if (yield from feed.skip_space()) in ("[", "{"):
        yield from objects(feed, pieces)
        return
    name, mark = yield from feed.text_until("[ARGS]", "[CALL_ID]", "{", most=LONGEST_NAME_CHARACTERS)
    _begin(pieces, name)
    if mark == "[CALL_ID]":
        yield from feed.until(("[ARGS]",), lambda _: None)
    if mark == "{":
        pieces.arguments("{")
        yield from feed.rest_of_object(pieces.arguments)
        return
    yield from arguments(feed, pieces)


def deepseek(feed: Feed, pieces: Pieces) -> Waiting[None]:
    """After the mark of all calls: `function`, separator, name and a fenced block (R1, V3), or name, separator, arguments (V3.1)."""
    begin, separator, end = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
    while True:
        yield from feed.skip_space()
        if not (yield from feed.comes(begin)):
            break
        name, _ = yield from feed.text_until(separator, most=LONGEST_NAME_CHARACTERS)
        if name.strip() == "function":
            name, _ = yield from feed.text_until("```json", most=LONGEST_NAME_CHARACTERS)
        _begin(pieces, name)
        yield from arguments(feed, pieces)
        yield from feed.until((end,), lambda _: None)
    yield from feed.comes("<｜tool▁calls▁end｜>")


def kimi(feed: Feed, pieces: Pieces) -> Waiting[None]:
    """After the mark of the section: `functions.add:0`, a mark, arguments, a mark."""
    while True:
        yield from feed.skip_space()
        if not (yield from feed.comes("<|tool_call_begin|>")):
            break
        name, _ = yield from feed.text_until("<|tool_call_argument_begin|>", most=LONGEST_NAME_CHARACTERS)
        _begin(pieces, name.strip().removeprefix("functions.").rpartition(":")[0] or name)
        yield from arguments(feed, pieces)
        yield from feed.until(("<|tool_call_end|>",), lambda _: None)
    yield from feed.comes("<|tool_calls_section_end|>")


def _begin(pieces: Pieces, name: str) -> None:
    if not name.strip():
        raise NotACall
    pieces.begin(name.strip())
