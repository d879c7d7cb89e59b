"""Tools as OpenAI describes them, which Ollama took over."""

from typing import Annotated, Any, Literal

import msgspec


class ToolFunction(msgspec.Struct, omit_defaults=True):
    """A function that the model may call."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct):
    function: ToolFunction
    type: Literal["function"] = "function"
