"""What a chat template shows that its model can do. The template is read, never run; it may be hostile, so every scan is linear."""

import re
from collections.abc import Iterator

_TOOLS = re.compile(r"(?<![\w.])tools\b")
"""The variable: neither an attribute of something (`message.tools`) nor another's name (`builtin_tools`)."""
_REASONING = re.compile(
    r"<think>|<\|think\|>|<thought>|\[THINK\]|<seed:think>|<\|START_THINKING\|>|\u25c1think\u25b7|<\|channel\|>"
    r"|\breasoning_content\b|\benable_thinking\b"
)
_COMMENT = "{#"
_CODE_END = {"{%": re.compile(r"['\"]|%\}"), "{{": re.compile(r"['\"]|\}\}")}
"""By how code begins: what comes next in it, a string or its end."""
_STRING = {quote: re.compile(rf"{quote}[^{quote}\\]*(?:\\.[^{quote}\\]*)*{quote}", re.DOTALL) for quote in "'\""}


def takes_tools(template: str) -> bool:
    """Whether the template reads the variable `tools`. What it writes of tools, and tools inside messages, do not count."""
    return any(is_code and _TOOLS.search(text) for is_code, text in _pieces(template))


def reasons(template: str) -> bool:
    """Whether the template knows thinking that comes before an answer. Comments do not count."""
    return any(_REASONING.search(text) for _, text in _pieces(template))


def _pieces(template: str) -> Iterator[tuple[bool, str]]:
    """(whether it is code, text) without comments: what is written as it is and what stands in quotes are no code."""
    position = 0
    while True:
        start = template.find("{", position)
        if start < 0:
            yield False, template[position:]
            return
        opening = template[start : start + 2]
        if opening == _COMMENT:
            yield False, template[position:start]
            end = template.find("#}", start + 2)
            if end < 0:
                return
            position = end + 2
        elif opening in _CODE_END:
            yield False, template[position:start]
            position = start + 2
            while True:
                mark = _CODE_END[opening].search(template, position)
                if mark is None:
                    yield True, template[position:]
                    return
                yield True, template[position : mark.start()]
                string = _STRING[mark[0]].match(template, mark.start()) if mark[0] in _STRING else None
                if string is None:
                    position = mark.end()
                    break
                yield False, string[0]
                position = string.end()
        else:
            yield False, template[position : start + 1]
            position = start + 1
