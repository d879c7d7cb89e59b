"""The engine's section of the configuration. Zero and -1 mean: decided at load from the model and the machine."""

from typing import Annotated, Literal

import msgspec

_AtLeastZero = msgspec.Meta(ge=0)
_AtLeastOne = msgspec.Meta(ge=1)
_MOST_SEQUENCES = 256
"""llama.cpp's own limit (`LLAMA_MAX_SEQ`)."""


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How models are loaded and how much they may take."""

    context_tokens: Annotated[int, _AtLeastZero] = 0
    """Longest conversation one request may hold; 0: the model's own limit, at most 8,192, less if memory is short."""
    kv_memory_bytes: Annotated[int, _AtLeastZero] = 0
    """Memory for the keys and values of running requests; 0: a quarter of what is free after the weights, at most 4 GiB."""
    prefix_cache_bytes: Annotated[int, msgspec.Meta(ge=-1)] = -1
    """Memory for prompts kept for reuse, per model; -1: a twentieth of the machine's memory, at most 1 GiB; 0: none."""
    parallel_requests: Annotated[int, msgspec.Meta(ge=1, le=_MOST_SEQUENCES)] = 16
    """Answers written at the same time, per model; more wait in line."""
    queue_limit: Annotated[int, _AtLeastOne] = 256
    """Requests that may wait in line, per model; more are refused with a time to retry."""
    keep_alive_seconds: float = 300.0
    """A model unused for this long is unloaded; negative: never."""
    memory_limit_bytes: Annotated[int, _AtLeastZero] = 0
    """What all loaded models may take together; 0: nine tenths of what is free."""
    load_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    """A model that is not ready after this long is given up."""
    threads: Annotated[int, _AtLeastZero] = 0
    """Threads a model computes with; 0: tuned, else the number of physical cores."""
    gpu_layers: Annotated[int, msgspec.Meta(ge=-1)] = -1
    """Layers kept on the GPU; -1: as many as its free memory holds."""
    flash_attention: Literal["auto", "on", "off"] = "auto"
    """Fused attention; auto: tuned, else llama.cpp decides."""
    tune_when_idle: bool = True
    """Measure a model once, when it is first unloaded for idleness, and load it with the best settings from then on."""
    workload: Literal["chat", "reading"] = "chat"
    """What the tuner's choice favours: writing answers, or reading long prompts."""
    rows_while_writing: Annotated[int, msgspec.Meta(ge=32)] = 32
    """Rows of one step while answers are written, theirs included; more reads prompts faster and makes the answers stutter."""
