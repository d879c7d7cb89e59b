"""What OpenAI clients send, with the extensions of llama.cpp and vLLM under their own names. Unknown fields are ignored."""

from typing import Annotated, Any, Literal

import msgspec

from crofter.api.tools import Tool, ToolFunction

Tokens = list[Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
PositiveFactor = Annotated[float, msgspec.Meta(gt=0, le=10)]


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class NamedSchema(msgspec.Struct):
    schema: dict[str, Any] | None = None


class ResponseFormat(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None
    schema: dict[str, Any] | None = None
    """llama.cpp's place for it, beside `json_object`."""


class LoraUse(msgspec.Struct):
    name: str | None = None
    path: str | None = None
    scale: float = 1.0


class GenerationFields(msgspec.Struct, kw_only=True):
    """What chat completions and completions share."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=-1, le=2**31 - 1)] | None = None
    temperature: NotNegative | None = None
    top_p: Probability | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=16)] | None = None
    stop: str | Annotated[list[str], msgspec.Meta(max_length=16)] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    response_format: ResponseFormat | None = None
    top_k: Annotated[int, msgspec.Meta(ge=-1, le=2**31 - 1)] | None = None
    min_p: Probability | None = None
    typical_p: Probability | None = None
    repeat_penalty: PositiveFactor | None = None
    repetition_penalty: PositiveFactor | None = None
    repeat_last_n: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    mirostat: Literal[0, 1, 2] | None = None
    mirostat_tau: NotNegative | None = None
    mirostat_eta: NotNegative | None = None
    grammar: str | None = None
    lora: list[LoraUse] | None = None


class ImageAddress(msgspec.Struct):
    """`detail` is left alone: how finely a model looks is in its file."""

    url: str


class SoundData(msgspec.Struct):
    data: str
    format: str | None = None


class ContentPart(msgspec.Struct):
    type: str
    text: str | None = None
    image_url: ImageAddress | str | None = None
    input_audio: SoundData | None = None


class ChatMessage(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class FunctionName(msgspec.Struct):
    name: str


class NamedTool(msgspec.Struct):
    function: FunctionName
    type: str = "function"


class AllowedTools(msgspec.Struct):
    tools: list[NamedTool]
    mode: Literal["auto", "required"] = "auto"


class ChosenTool(msgspec.Struct):
    """`{"type": "function", "function": {"name": …}}` or `{"type": "allowed_tools", "allowed_tools": …}`."""

    type: str = "function"
    function: FunctionName | None = None
    allowed_tools: AllowedTools | None = None


class ChatCompletionBody(GenerationFields, kw_only=True):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)]
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=-1, le=2**31 - 1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | ChosenTool | None = None
    parallel_tool_calls: bool | None = None
    functions: list[ToolFunction] | None = None
    function_call: Literal["none", "auto"] | FunctionName | None = None
    reasoning_effort: str | None = None
    thinking_budget: Annotated[int, msgspec.Meta(ge=-1, le=2**31 - 1)] | None = None
    """As Qwen's own service has it; -1 means no limit."""
    thinking_budget_tokens: Annotated[int, msgspec.Meta(ge=-1, le=2**31 - 1)] | None = None
    """The same, as llama-server has it."""
    chat_template_kwargs: dict[str, Any] | None = None


class CompletionBody(GenerationFields, kw_only=True):
    """`POST /v1/completions`."""

    prompt: str | list[str | int | Tokens]
    suffix: str | None = None
    echo: bool | None = None
    best_of: int | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None


class EmbeddingBody(msgspec.Struct, kw_only=True):
    """`POST /v1/embeddings`."""

    input: str | list[str | int | Tokens]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None
