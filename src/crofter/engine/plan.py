"""How to load a model, and what to unload for it: pure decisions over facts handed in."""

from collections.abc import Sequence
from typing import NamedTuple

from crofter.core import CrofterError, ErrorCode, ModelFile, ModelId

from .machine import Machine
from .settings import EngineSettings
from .values import Tuning
from .wire import LoadPlan

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30

_DEFAULT_CONTEXT_TOKENS = 8192
_SMALLEST_CONTEXT_TOKENS = 256
_GENEROUS_KV_TOKENS = 16384
_CONTEXT_STEP_TOKENS = 256
"""llama.cpp rounds contexts to this."""
_MOST_KV_BYTES = 4 * GIBIBYTE
_MOST_PREFIX_CACHE_BYTES = GIBIBYTE
_PROCESS_BYTES = 160 * MEBIBYTE
"""Interpreter, libraries and compute buffers of a worker (measured 90 to 170 MB for models up to 1B)."""
_SMALLEST_SHARED_BYTES = 64 * MEBIBYTE
"""Weights below this are computed by one thread: two would mostly wait for each other, for ever when the machine is busy."""
UNFUSED_ATTENTION_ROWS = 128
"""Micro-batch without fused attention, whose scores (rows x heads x cells, 4 bytes each) take memory: with 128
rows a quarter of what they take with 512."""
_GPU_RESERVE = 0.9
"""Share of a GPU's free memory that is used: a card packed full fails at the first token."""


def plan_load(model: ModelFile, machine: Machine, settings: EngineSettings, tuning: Tuning | None) -> LoadPlan:
    """Context, memory and threads for a model on this machine.

    Raises CrofterError(OUT_OF_MEMORY) if even the smallest context does not fit into the machine's memory.
    """
    left = machine.available_bytes - model.size_bytes - _PROCESS_BYTES
    kv_bytes = settings.kv_memory_bytes or min(max(left, 0) // 4, _MOST_KV_BYTES)
    per_token = max(model.kv_bytes_per_token, 1)
    asked = model.context_tokens or settings.context_tokens
    context = min(model.context_length, asked or _DEFAULT_CONTEXT_TOKENS)
    wanted = max(2 * context, _GENEROUS_KV_TOKENS)
    kv_tokens = min(wanted, kv_bytes // per_token)
    if kv_tokens < context and asked:
        # The owner asked for this context: give it, and let the check below say if it cannot be.
        kv_tokens = context
    kv_tokens = max(_down(kv_tokens, _CONTEXT_STEP_TOKENS), _SMALLEST_CONTEXT_TOKENS)
    context = min(context, kv_tokens)
    estimate = model.size_bytes + kv_tokens * model.kv_bytes_per_token + _PROCESS_BYTES
    if estimate > machine.available_bytes:
        raise CrofterError(
            ErrorCode.OUT_OF_MEMORY,
            f"{model.name} needs about {estimate // MEBIBYTE} MiB with a context of {context} tokens, and "
            f"{machine.available_bytes // MEBIBYTE} MiB are free; choose a smaller model or set engine.context_tokens lower",
        )
    cache = settings.prefix_cache_bytes
    flash_attention = settings.flash_attention
    if tuning is not None and flash_attention == "auto":
        flash_attention = tuning.flash_attention
    micro_batch_rows = tuning.micro_batch_rows if tuning else 512
    if flash_attention == "off":
        micro_batch_rows = min(micro_batch_rows, UNFUSED_ATTENTION_ROWS)
    cores = 1 if model.size_bytes < _SMALLEST_SHARED_BYTES else machine.physical_cores
    return LoadPlan(
        path=str(model.path),
        context_tokens=context,
        kv_tokens=kv_tokens,
        prefix_cache_bytes=min(machine.total_bytes // 20, _MOST_PREFIX_CACHE_BYTES) if cache < 0 else cache,
        sequences=settings.parallel_requests,
        queue_limit=settings.queue_limit,
        micro_batch_rows=min(micro_batch_rows, kv_tokens),
        rows_while_writing=settings.rows_while_writing,
        threads=settings.threads or (tuning.threads if tuning else cores),
        batch_threads=settings.threads or (tuning.batch_threads if tuning else cores),
        gpu_layers=settings.gpu_layers,
        layer_count=model.layer_count,
        flash_attention=flash_attention,
        repack=tuning.repack if tuning else True,
        estimated_bytes=estimate,
    )


def worth_tuning(model: ModelFile) -> bool:
    """Whether measuring can gain anything: the smallest models are fast whatever one does."""
    return model.size_bytes >= _SMALLEST_SHARED_BYTES


def gpu_layers(*, wanted: int, layer_count: int, model_bytes: int, kv_bytes: int, free_bytes: int) -> int:
    """How many layers go to the GPU: all that its free memory holds, output layer included, unless told otherwise."""
    if wanted >= 0:
        return wanted
    if free_bytes <= 0:
        return 0
    per_layer = (model_bytes + kv_bytes) / (layer_count + 1)
    fitting = int((free_bytes * _GPU_RESERVE - _PROCESS_BYTES) / per_layer)
    return max(0, min(layer_count + 1, fitting))


class LoadedSize(NamedTuple):
    """A loaded model as the eviction decision sees it."""

    model_id: ModelId
    estimated_bytes: int
    last_used: float
    """Any clock, the same for all."""
    in_use: bool


def evictions(loaded: Sequence[LoadedSize], needed_bytes: int, limit_bytes: int) -> list[ModelId]:
    """Which models to unload, least recently used first, so that `needed_bytes` more fit the limit.

    Raises CrofterError(OUT_OF_MEMORY) if unloading all idle ones is not enough.
    """
    total = sum(size.estimated_bytes for size in loaded) + needed_bytes
    chosen: list[ModelId] = []
    for size in sorted((size for size in loaded if not size.in_use), key=lambda size: size.last_used):
        if total <= limit_bytes:
            break
        chosen.append(size.model_id)
        total -= size.estimated_bytes
    if total > limit_bytes:
        raise CrofterError(
            ErrorCode.OUT_OF_MEMORY,
            f"{needed_bytes // MEBIBYTE} MiB are needed and the models in use leave "
            f"{max(0, limit_bytes - total + needed_bytes) // MEBIBYTE} MiB; wait for them, or `crofter stop` one",
            retry_after_seconds=10.0,
        )
    return chosen


def _down(value: int, step: int) -> int:
    return value // step * step
