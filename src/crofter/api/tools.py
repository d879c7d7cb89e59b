"""Tools as OpenAI describes them, which Ollama took over, and what all dialects check of them."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec

from crofter.core import CrofterError, ErrorCode, ToolCallDelta, ToolChoice


class ToolFunction(msgspec.Struct, omit_defaults=True):
    """A function that the model may call."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct):
    function: ToolFunction
    type: Literal["function"] = "function"


def checked_choice(choice: ToolChoice, tools: Iterable[dict[str, Any]]) -> ToolChoice:
    """The choice, if there is what it asks for among the tools of a core.ChatPrompt. Raises INVALID_REQUEST."""
    names = {tool["function"]["name"] for tool in tools}
    if (choice.required and not names) or (choice.name and choice.name not in names):
        message = f"tool_choice asks for {choice.name or 'a call'}, which is not among the tools"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="tool_choice")
    return choice


class WholeCall(msgspec.Struct, frozen=True):
    """A call with all its arguments, as the text of a JSON object."""

    name: str
    arguments: str

    @property
    def parsed(self) -> dict[str, Any]:
        """The arguments; what is no JSON object stands in one of its own rather than being lost."""
        try:
            value: object = json.loads(self.arguments or "{}")
        except ValueError:
            value = None
        return value if isinstance(value, dict) else {"_unparsed": self.arguments}  # pyright: ignore[reportUnknownVariableType]


class GrowingCalls:
    """The calls of one answer, from the deltas of its chunks."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._pieces: list[list[str]] = []

    def __len__(self) -> int:
        return len(self._names)

    def add(self, deltas: Iterable[ToolCallDelta]) -> None:
        """What one chunk brings."""
        for delta in deltas:
            if delta.index == len(self._names):
                self._names.append(delta.name)
                self._pieces.append([])
            self._pieces[delta.index].append(delta.arguments)

    def whole(self, start: int = 0, stop: int | None = None) -> Sequence[WholeCall]:
        """Those from `start` to before `stop`, as far as they have grown."""
        calls = zip(self._names[start:stop], self._pieces[start:stop], strict=True)
        return [WholeCall(name, "".join(pieces)) for name, pieces in calls]
