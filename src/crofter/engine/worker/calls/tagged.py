"""Calls whose parameters are plain text between marks. What a value means is for the tool's schema to say."""

import json
import re

from .feed import LONGEST_NAME_CHARACTERS, Feed, NotACall, Waiting
from .pieces import Pieces


class _Growing:
    """The JSON object of the arguments, one parameter after the other."""

    def __init__(self, pieces: Pieces, tool: str) -> None:
        self._pieces, self._tool, self._count = pieces, tool, 0
        pieces.begin(tool)

    def add(self, name: str, text: str, *, is_text: bool = False) -> None:
        value = text if is_text else self._pieces.value(self._tool, name, text)
        start = "{" if self._count == 0 else ", "
        self._pieces.arguments(
            f"{start}{json.dumps(name, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}"
        )
        self._count += 1

    def close(self) -> None:
        self._pieces.arguments("}" if self._count else "{}")


def function_tags(feed: Feed, pieces: Pieces) -> Waiting[None]:
    """`<function=add><parameter=a>\\n1\\n</parameter></function>`: Qwen3-Coder, Seed-OSS, Nemotron."""
    yield from feed.expect("<function=")
    name, _ = yield from feed.text_until(">", most=LONGEST_NAME_CHARACTERS)
    growing = _Growing(pieces, name.strip())
    while True:
        yield from feed.skip_space()
        if not (yield from feed.comes("<parameter=")):
            break
        parameter, _ = yield from _held(feed, ">")
        value, _ = yield from _held(feed, "</parameter>")
        growing.add(parameter.strip(), _without_line_ends(value))
    yield from feed.comes("</function>")
    growing.close()


def key_value_tags(feed: Feed, pieces: Pieces) -> Waiting[None]:
    """`add\\n<arg_key>a</arg_key>\\n<arg_value>1</arg_value>\\n</tool_call>`, after the opening mark: GLM."""
    name, mark = yield from feed.text_until("<arg_key>", "</tool_call>", most=LONGEST_NAME_CHARACTERS)
    if not re.fullmatch(r"[\w.:-]+", name.strip()):
        raise NotACall
    growing = _Growing(pieces, name.strip())
    while mark == "<arg_key>":
        key, _ = yield from _held(feed, "</arg_key>")
        yield from feed.skip_space()
        yield from feed.comes("<arg_value>")
        value, _ = yield from _held(feed, "</arg_value>")
        growing.add(key.strip(), value)
        _, mark = yield from _held(feed, "<arg_key>", "</tool_call>")
    growing.close()


def invoke_tags(feed: Feed, pieces: Pieces, *, prefix: str, closing: str) -> Waiting[None]:
    """`<invoke name="add"><parameter name="a">1</parameter></invoke>` with a prefix in each mark: MiniMax, DeepSeek V3.2."""
    while True:
        yield from feed.skip_space()
        if (yield from feed.comes(closing)) or not (yield from feed.comes(f'<{prefix}invoke name="')):
            return
        name, _ = yield from feed.text_until('"', most=LONGEST_NAME_CHARACTERS)
        yield from _held(feed, ">")
        growing = _Growing(pieces, name)
        while True:
            yield from feed.skip_space()
            if not (yield from feed.comes(f'<{prefix}parameter name="')):
                break
            parameter, _ = yield from _held(feed, '"')
            attributes, _ = yield from _held(feed, ">")
            value, _ = yield from _held(feed, f"</{prefix}parameter>")
            growing.add(parameter, value, is_text='string="true"' in attributes)
        yield from feed.comes(f"</{prefix}invoke>")
        growing.close()


def _held(feed: Feed, *marks: str) -> Waiting[tuple[str, str]]:
    """The text before a mark; what is missing at the end of everything is taken as it is, for the call has begun."""
    texts: list[str] = []
    mark = yield from feed.until(marks, texts.append)
    return "".join(texts), mark


def _without_line_ends(value: str) -> str:
    """Without the one line end that the format puts on each side."""
    return value.removeprefix("\n").removesuffix("\n")
