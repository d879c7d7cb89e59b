"""Calls in notations of their own: Python's (Llama 4, LFM2) and Gemma's."""

import ast
import json
import re

from .feed import LONGEST_NAME_CHARACTERS, Feed, NotACall, Waiting
from .pieces import Pieces

_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def python_list(feed: Feed, pieces: Pieces, *, closing: str = "") -> Waiting[None]:
    """`[add(a=1), tell(text="x")]`, whole, as only the end tells whether it is one. Raises NotACall for anything but literals."""
    written: list[str] = []
    if (yield from feed.skip_space()) != "[":
        raise NotACall
    yield from _python_brackets(feed, written)
    calls = _calls_of("".join(written))
    if not all(pieces.is_tool(name) for name, _ in calls):
        raise NotACall
    for name, arguments in calls:
        pieces.call(name, arguments)
    if closing:
        yield from feed.skip_space()
        yield from feed.comes(closing)


def _python_brackets(feed: Feed, written: list[str]) -> Waiting[None]:
    depth = 0
    while True:
        mark = yield from feed.until(("[", "]", "'", '"'), written.append)
        if not mark:
            raise NotACall
        written.append(mark)
        if mark in "'\"":
            while (inner := (yield from feed.until((mark, "\\"), written.append))) == "\\":
                written.append(inner + (yield from feed.take(1)))
            written.append(inner)
            continue
        depth += 1 if mark == "[" else -1
        if depth == 0:
            return


def _calls_of(source: str) -> list[tuple[str, dict[str, object]]]:
    try:
        tree = ast.parse(source, mode="eval").body
        if not isinstance(tree, ast.List) or not tree.elts:
            raise NotACall
        return [_call_of(one) for one in tree.elts]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise NotACall from None


def _call_of(node: ast.expr) -> tuple[str, dict[str, object]]:
    if not isinstance(node, ast.Call) or node.args:
        raise NotACall
    values: dict[str, object] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise NotACall
        value: object = ast.literal_eval(keyword.value)
        json.dumps(value)  # TypeError for what JSON does not have
        values[keyword.arg] = value
    return ast.unparse(node.func), values


def gemma(feed: Feed, pieces: Pieces, *, quote: str, closing: str) -> Waiting[None]:
    """`call:add{a:1,text:<|"|>x<|"|>}`, after the opening mark; `quote` stands around texts."""
    yield from feed.expect("call:")
    name, _ = yield from feed.text_until("{", most=LONGEST_NAME_CHARACTERS)
    if not _NAME.fullmatch(name.strip()):
        raise NotACall
    values = yield from _gemma_object(feed, quote, 0)
    pieces.call(name.strip(), values)
    yield from feed.skip_space()
    yield from feed.comes(closing)


def _gemma_object(feed: Feed, quote: str, depth: int) -> Waiting[dict[str, object]]:
    """After the opening brace."""
    values: dict[str, object] = {}
    while True:
        yield from feed.skip_space()
        if (yield from feed.comes("}")):
            return values
        if (yield from feed.comes(",")):
            continue
        if (yield from feed.comes(quote)):
            key, _ = yield from feed.text_until(quote)
            yield from feed.skip_space()
            yield from feed.expect(":")
        else:
            key, _ = yield from feed.text_until(":")
        values[key.strip()] = yield from _gemma_value(feed, quote, depth)


def _gemma_value(feed: Feed, quote: str, depth: int) -> Waiting[object]:
    if depth > 32:
        raise NotACall
    yield from feed.skip_space()
    if (yield from feed.comes(quote)):
        text, _ = yield from feed.text_until(quote)
        return text
    if (yield from feed.comes("{")):
        return (yield from _gemma_object(feed, quote, depth + 1))
    if (yield from feed.comes("[")):
        values: list[object] = []
        while True:
            yield from feed.skip_space()
            if (yield from feed.comes("]")):
                return values
            if not (yield from feed.comes(",")):
                values.append((yield from _gemma_value(feed, quote, depth + 1)))
    written: list[str] = []
    while (char := (yield from feed.ahead(1))) and char not in ",}]":
        written.append((yield from feed.take(1)))
    if not char:
        raise NotACall
    text = "".join(written).strip()
    try:
        return json.loads(text)
    except ValueError:
        return text
