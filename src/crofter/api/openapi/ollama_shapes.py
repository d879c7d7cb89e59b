"""What Ollama's clients read, as types: the routes write these lines field by field."""

from typing import Any

import msgspec


class OllamaError(msgspec.Struct, kw_only=True):
    error: str
    code: str


class Ending(msgspec.Struct, kw_only=True):
    """Fields of the last line; durations in nanoseconds."""

    model: str
    created_at: str
    done: bool
    done_reason: str | msgspec.UnsetType = msgspec.UNSET
    total_duration: int | msgspec.UnsetType = msgspec.UNSET
    load_duration: int | msgspec.UnsetType = msgspec.UNSET
    prompt_eval_count: int | msgspec.UnsetType = msgspec.UNSET
    prompt_eval_duration: int | msgspec.UnsetType = msgspec.UNSET
    eval_count: int | msgspec.UnsetType = msgspec.UNSET
    eval_duration: int | msgspec.UnsetType = msgspec.UNSET


class CalledFunction(msgspec.Struct, kw_only=True):
    name: str
    arguments: dict[str, Any]


class Call(msgspec.Struct, kw_only=True):
    function: CalledFunction


class SaidMessage(msgspec.Struct, kw_only=True):
    role: str
    content: str
    thinking: str | msgspec.UnsetType = msgspec.UNSET
    tool_calls: list[Call] | msgspec.UnsetType = msgspec.UNSET


class ChatLine(Ending, kw_only=True):
    message: SaidMessage


class GenerateLine(Ending, kw_only=True):
    response: str
    thinking: str | msgspec.UnsetType = msgspec.UNSET


class Vectors(msgspec.Struct, kw_only=True):
    model: str
    embeddings: list[list[float]]
    total_duration: int
    load_duration: int
    prompt_eval_count: int


class Vector(msgspec.Struct, kw_only=True):
    embedding: list[float]


class Version(msgspec.Struct, kw_only=True):
    version: str


class Details(msgspec.Struct, kw_only=True):
    parent_model: str
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str


class Tag(msgspec.Struct, kw_only=True):
    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details


class Tags(msgspec.Struct, kw_only=True):
    models: list[Tag]


class RunningModel(Tag, kw_only=True):
    size_vram: int
    context_length: int
    expires_at: str


class RunningModels(msgspec.Struct, kw_only=True):
    models: list[RunningModel]


class Shown(msgspec.Struct, kw_only=True):
    modelfile: str
    parameters: str
    template: str
    license: str
    details: Details
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str


class PullLine(msgspec.Struct, kw_only=True):
    status: str
    digest: str | msgspec.UnsetType = msgspec.UNSET
    total: int | msgspec.UnsetType = msgspec.UNSET
    completed: int | msgspec.UnsetType = msgspec.UNSET
