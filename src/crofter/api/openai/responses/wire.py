"""What clients of `/v1/responses` send. Unknown fields are ignored."""

from typing import Annotated, Any, Literal

import msgspec

from crofter.api.openai.wire import SoundData


class Content(msgspec.Struct):
    type: str = "input_text"
    text: str | None = None
    image_url: str | None = None
    input_audio: SoundData | None = None


class InputItem(msgspec.Struct):
    """An item of any kind; which fields it has depends on `type`, and a message may go without one."""

    type: str = "message"
    role: str | None = None
    content: str | list[Content] | None = None
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[Content] | None = None


class FunctionTool(msgspec.Struct):
    """Here a function stands in the tool itself."""

    type: str
    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ChosenTool(msgspec.Struct):
    type: str
    name: str | None = None
    mode: Literal["auto", "required"] = "auto"
    tools: "list[ChosenTool] | None" = None


class TextFormat(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"] = "text"
    schema: dict[str, Any] | None = None


class TextOptions(msgspec.Struct):
    format: TextFormat | None = None


class Reasoning(msgspec.Struct):
    effort: str | None = None


class TokensBody(msgspec.Struct, kw_only=True):
    """`POST /v1/responses/input_tokens`, and what it shares with responses."""

    input: str | list[InputItem] | None = None
    model: str | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | ChosenTool | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: Reasoning | None = None


class ResponsesBody(TokensBody, kw_only=True):
    """`POST /v1/responses`."""

    include: list[str] | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = None
    truncation: str | None = None
