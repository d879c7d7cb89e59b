"""The engine's section of the configuration. Zero and -1 mean: decided at load from the model and the machine."""

from typing import Literal

import msgspec


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How models are loaded and how much they may take."""

    context_tokens: int = 0
    """Longest conversation one request may hold; 0: the model's own limit, at most 8,192, less if memory is short."""
    kv_memory_bytes: int = 0
    """Memory for the keys and values of running requests; 0: a quarter of what is free after the weights, at most 4 GiB."""
    prefix_cache_bytes: int = -1
    """Memory for prompts kept for reuse, per model; -1: a twentieth of the machine's memory, at most 1 GiB; 0: none."""
    parallel_requests: int = 16
    """Answers written at the same time, per model; more wait in line."""
    queue_limit: int = 256
    """Requests that may wait in line, per model; more are refused with a time to retry."""
    request_timeout_seconds: float = 600.0
    """Longest time one request may take, waiting included."""
    keep_alive_seconds: float = 300.0
    """A model unused for this long is unloaded; negative: never."""
    memory_limit_bytes: int = 0
    """What all loaded models may take together; 0: nine tenths of what is free."""
    load_timeout_seconds: float = 300.0
    """A model that is not ready after this long is given up."""
    threads: int = 0
    """Threads a model computes with; 0: tuned, else the number of physical cores."""
    gpu_layers: int = -1
    """Layers kept on the GPU; -1: as many as its free memory holds."""
    flash_attention: Literal["auto", "on", "off"] = "auto"
    """Fused attention; auto: tuned, else llama.cpp decides."""
    tune_when_idle: bool = True
    """Measure a model once, when it is first unloaded for idleness, and load it with the best settings from then on."""
    workload: Literal["chat", "reading"] = "chat"
    """What the tuner's choice favours: writing answers, or reading long prompts."""
    prefill_rows_while_writing: int = 32
    """Prompt rows computed beside running answers in one step; more reads faster and makes the answers stutter."""
