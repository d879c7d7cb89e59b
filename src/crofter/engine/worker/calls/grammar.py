"""The form that calls must have, as a Lark grammar of llguidance (its docs/syntax.md): for required calls and strict arguments."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crofter.core import ToolChoice

TokenOf = Callable[[str], int | None]
"""The id of the one token that a mark is, if it is one that plain text cannot make."""


@dataclass(frozen=True)
class Frame:
    """What stands around the arguments of a call, and around all calls. `{name}` is the tool's."""

    before: str
    after: str
    between: str = ""
    opening: str = ""
    closing: str = ""


HERMES = Frame('<tool_call>\n{"name": "{name}", "arguments": ', "}\n</tool_call>", between="\n")


@dataclass(frozen=True)
class Marks:
    """The marks of a notation, and which of them are tokens that text cannot make."""

    written: tuple[str, ...]
    token_of: TokenOf


def calls_grammar(
    frame: Frame,
    tools: Sequence[Mapping[str, Any]],
    choice: ToolChoice,
    marks: Marks,
    *,
    otherwise: Mapping[str, Any] | None = None,
    whitespace: str = "",
) -> str:
    """A grammar for calls of these tools (in OpenAI's form).

    Unless a call is required, text may stand before them or in their place, or, where a schema `otherwise` is given, JSON in their
    place. `whitespace` is the regular expression of what may stand between the parts of JSON.
    """
    functions: list[Mapping[str, Any]] = [tool["function"] for tool in tools]
    if choice.name:
        functions = [function for function in functions if function["name"] == choice.name]
    rules = [
        _calls_rule(frame, choice, marks),
        "call: " + " | ".join(f"call_{index}" for index in range(len(functions))),
    ]
    for index, function in enumerate(functions):
        before = _literal(frame.before.replace("{name}", function["name"]), marks)
        rules.append(f"call_{index}: {before} arguments_{index} {_literal(frame.after, marks)}".rstrip())
        rules.append(f"arguments_{index}: %json {json.dumps(_arguments_schema(function, whitespace))}")
    if choice.required:
        return "\n".join(["start: calls", *rules])
    if otherwise is not None:
        answer = f"answer: %json {json.dumps(_with_whitespace(otherwise, whitespace))}"
        return "\n".join(["start: calls | answer", answer, *rules])
    text = f"TEXT: /(.|\\n)*/ & ~/(.|\\n)*{_escaped(_first_mark(frame, marks))}(.|\\n)*/"
    return "\n".join(["start: TEXT calls?", text, *rules])


def _calls_rule(frame: Frame, choice: ToolChoice, marks: Marks) -> str:
    between = _literal(frame.between, marks)
    calls = "call" if not choice.parallel else f"call ({between} call)*"
    parts = (_literal(frame.opening, marks), calls, _literal(frame.closing, marks))
    return "calls: " + " ".join(part for part in parts if part)


def _arguments_schema(function: Mapping[str, Any], whitespace: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": {}, **(function.get("parameters") or {})}
    # Small models invent fields where the schema does not speak of others.
    schema.setdefault("additionalProperties", False)
    return _with_whitespace(schema, whitespace)


def _with_whitespace(schema: Mapping[str, Any], whitespace: str) -> dict[str, Any]:
    return {**schema, "x-guidance": {"whitespace_pattern": whitespace}} if whitespace else dict(schema)


def _first_mark(frame: Frame, marks: Marks) -> str:
    begun = frame.opening or frame.before
    return next((mark for mark in marks.written if begun.startswith(mark)), begun.partition("{name}")[0])


def _literal(text: str, marks: Marks) -> str:
    """Text as grammar symbols: strings, and tokens where a mark is one."""
    tokens = {mark: token for mark in marks.written if (token := marks.token_of(mark)) is not None}
    pieces = re.split("(" + "|".join(map(re.escape, tokens)) + ")", text) if tokens else [text]
    return " ".join(
        f"<[{tokens[piece]}]>" if piece in tokens else json.dumps(piece, ensure_ascii=False)
        for piece in pieces
        if piece
    )


def _escaped(text: str) -> str:
    """For a regular expression between slashes."""
    return "".join(f"\\{char}" if char in r"\/.^$*+?()[]{}|" else char for char in text)
