"""What Ollama's clients send. Unknown fields are ignored."""

from typing import Annotated, Any, Literal

import msgspec

from crofter.api.tools import Tool

Count = Annotated[int, msgspec.Meta(ge=-2, le=2**31 - 1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Options(msgspec.Struct):
    """Of a model at run time; those that a loaded model cannot change, such as `num_ctx`, are left alone."""

    temperature: NotNegative | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    min_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    typical_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[float, msgspec.Meta(gt=0, le=10)] | None = None
    repeat_last_n: Count | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    mirostat: Literal[0, 1, 2] | None = None
    mirostat_tau: NotNegative | None = None
    mirostat_eta: NotNegative | None = None
    seed: int | None = None
    num_predict: Count | None = None
    stop: str | list[str] | None = None


class GenerationFields(msgspec.Struct, kw_only=True):
    """What generate and chat share."""

    model: str
    stream: bool = True
    format: str | dict[str, Any] | None = None
    options: Options | None = None
    keep_alive: str | int | float | None = None
    think: bool | str | None = None


class GenerateBody(GenerationFields, kw_only=True):
    """`POST /api/generate`."""

    prompt: str = ""
    suffix: str | None = None
    system: str | None = None
    raw: bool = False
    images: list[str] | None = None


class CalledFunction(msgspec.Struct):
    name: str
    arguments: Any = None


class InputCall(msgspec.Struct):
    function: CalledFunction
    id: str | None = None


class InputMessage(msgspec.Struct):
    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[InputCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class ChatBody(GenerationFields, kw_only=True):
    """`POST /api/chat`."""

    messages: list[InputMessage] = []
    tools: list[Tool] | None = None


class EmbedBody(msgspec.Struct, kw_only=True):
    """`POST /api/embed`."""

    model: str
    input: str | list[str]
    keep_alive: str | int | float | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None


class OldEmbedBody(msgspec.Struct, kw_only=True):
    """`POST /api/embeddings`."""

    model: str
    prompt: str
    keep_alive: str | int | float | None = None


class NameBody(msgspec.Struct, kw_only=True):
    """`POST /api/show`, `DELETE /api/delete`: older clients say `name`."""

    model: str = ""
    name: str = ""

    @property
    def either(self) -> str:
        return self.model or self.name


class PullBody(NameBody, kw_only=True):
    """`POST /api/pull`."""

    stream: bool = True
