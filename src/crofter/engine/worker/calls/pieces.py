"""What a parser of calls gives: text, and calls as they grow."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from crofter.core import ToolCallDelta

Schemas = Mapping[str, Mapping[str, Any]]
"""The parameters' JSON schema of each tool, by name."""


class EnoughCalls(Exception):  # noqa: N818 - a turn in the parse, not an error
    """Another call begins where no more are wanted."""


class Pieces:
    """Collects what became certain since it was last taken."""

    def __init__(self, schemas: Schemas, most_calls: int | None, on_begin: Callable[[], None]) -> None:
        """`on_begin` is told of each call: what was read of it will not be text again."""
        self._most_calls = most_calls
        self._on_begin = on_begin
        self.count = 0
        """Calls begun so far."""
        self._schemas = schemas
        self._texts: list[str] = []
        self._thinking: list[str] = []
        self._deltas: list[ToolCallDelta] = []

    def text(self, text: str) -> None:
        """Text of the answer, outside of calls."""
        self._texts.append(text)

    def thinking(self, text: str) -> None:
        """Thinking, where the notation tells it apart itself."""
        self._thinking.append(text)

    def begin(self, name: str) -> None:
        """A call of this tool; its arguments follow. Raises EnoughCalls."""
        if self.count == self._most_calls:
            raise EnoughCalls
        self._on_begin()
        self._deltas.append(ToolCallDelta(index=self.count, name=name))
        self.count += 1

    def arguments(self, text: str) -> None:
        """More of the JSON text of the arguments of the call begun last."""
        if self._deltas and self._deltas[-1].index == self.count - 1:
            last = self._deltas[-1]
            self._deltas[-1] = msgspec.structs.replace(last, arguments=last.arguments + text)
        else:
            self._deltas.append(ToolCallDelta(index=self.count - 1, arguments=text))

    def call(self, name: str, arguments: Mapping[str, object]) -> None:
        """A whole call."""
        self.begin(name)
        self.arguments(json.dumps(arguments, ensure_ascii=False))

    def take(self) -> tuple[str, str, tuple[ToolCallDelta, ...]]:
        """Text, thinking and calls collected; empties it."""
        text, thinking, deltas = "".join(self._texts), "".join(self._thinking), tuple(self._deltas)
        self._texts, self._thinking, self._deltas = [], [], []
        return text, thinking, deltas

    def is_tool(self, name: str) -> bool:
        """Whether the request offers a tool of this name."""
        return name in self._schemas

    def value(self, tool: str, parameter: str, text: str) -> object:
        """What a parameter written as plain text means: text where the schema says so, else JSON if it is any."""
        if _wants_text(_member(_member(self._schemas.get(tool), "properties"), parameter)):
            return text
        try:
            return json.loads(text)
        except ValueError:
            return {"True": True, "False": False, "None": None}.get(text.strip(), text)


def _member(value: Any, key: str) -> Any:  # noqa: ANN401 - JSON as a client sent it
    return value.get(key) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _wants_text(schema: object) -> bool:
    kind, allowed = _member(schema, "type"), _member(schema, "enum")
    return kind == "string" or (kind is None and bool(allowed) and all(isinstance(one, str) for one in allowed))
