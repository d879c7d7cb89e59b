"""How to load a model, and what to unload for it: pure decisions over facts handed in."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from crofter.core import CrofterError, ErrorCode, ModelFile, ModelId, SliceFile, shown_size

from .fit import LoadChoice, MemoryNeed, memory_need, most_gpu_layers, shape_of, with_projector
from .machine import Machine
from .settings import EngineSettings
from .slices import HEAD_CELLS, is_ends, remembers_nothing, rows_over_route, stage_kv_tokens
from .values import Tuning
from .verdict import Fit
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
_MOST_MEDIA_CACHE_BYTES = 256 * MEBIBYTE
"""A dozen images of a larger model."""
_SMALLEST_SHARED_BYTES = 64 * MEBIBYTE
"""Weights below this are computed by one thread: two would mostly wait for each other, for ever when the machine is busy."""
UNFUSED_ATTENTION_ROWS = 128
"""Micro-batch without fused attention, whose scores (rows x heads x cells, 4 bytes each) take memory: with 128
rows a quarter of what they take with 512."""
LONGEST_EMBEDDING_TOKENS = 8192
"""Longest text that a model made for embeddings is given."""


def plan_load(model: ModelFile, machine: Machine, settings: EngineSettings, tuning: Tuning | None) -> LoadPlan:
    """Context, memory and threads for a model on this machine.

    Raises CrofterError(OUT_OF_MEMORY), with what to do, if even the smallest context does not fit into the machine's memory.
    """
    fit = judge(model, machine, settings, tuning)
    if not fit.fits:
        raise CrofterError(ErrorCode.OUT_OF_MEMORY, f"{model.name} {fit.verdict}: {fit.advice}")
    flash_attention, micro_batch_rows = _step(model, settings, tuning)
    cache = settings.prefix_cache_bytes
    spare = max(0, machine.available_bytes - fit.need.host.total_bytes)
    cores = 1 if model.size_bytes < _SMALLEST_SHARED_BYTES else machine.physical_cores
    return LoadPlan(
        path=str(model.path),
        context_tokens=fit.context_tokens,
        kv_tokens=fit.kv_tokens,
        prefix_cache_bytes=min(machine.total_bytes // 20, _MOST_PREFIX_CACHE_BYTES, spare) if cache < 0 else cache,
        sequences=settings.parallel_requests,
        queue_limit=settings.queue_limit,
        micro_batch_rows=min(micro_batch_rows, fit.kv_tokens),
        rows_while_writing=settings.rows_while_writing,
        threads=settings.threads or (tuning.threads if tuning else cores),
        batch_threads=settings.threads or (tuning.batch_threads if tuning else cores),
        gpu_layers=settings.gpu_layers,
        shape=shape_of(model),
        flash_attention=flash_attention,
        repack=tuning.repack if tuning else True,
        ranks="rerank" in model.capabilities,
        estimated_bytes=fit.need.host.total_bytes,
        accelerator_bytes=tuple(device.total_bytes for device in fit.need.accelerators),
        projector=str(model.projector.path) if model.projector else "",
        mutual_rows=model.projector.mutual_rows if model.projector else 0,
        media_cache_bytes=min(_MOST_MEDIA_CACHE_BYTES, spare // 4) if model.projector else 0,
    )


def judge(model: ModelFile, machine: Machine, settings: EngineSettings, tuning: Tuning | None) -> Fit:
    """Whether a model fits this machine's free memory, with which context, and what it takes."""
    shape = shape_of(model)
    flash_attention, rows = _step(model, settings, tuning)
    free, accelerators = machine.available_bytes, machine.accelerator_free_bytes

    def need(kv_tokens: int) -> MemoryNeed:
        if remembers_nothing(model):
            kv_tokens = rows_at_once = HEAD_CELLS
        elif shape.embeds:
            # Texts are read whole, in a context of their own.
            kv_tokens = rows_at_once = min(kv_tokens, LONGEST_EMBEDDING_TOKENS)
        else:
            rows_at_once = min(rows, kv_tokens)
        choice = LoadChoice(
            kv_tokens=kv_tokens,
            sequences=settings.parallel_requests,
            micro_batch_rows=rows_at_once,
            fused_attention=flash_attention != "off",
        )
        layers = settings.gpu_layers if settings.gpu_layers >= 0 else most_gpu_layers(shape, choice, accelerators)
        return with_projector(memory_need(shape, choice, layers, accelerators), model.projector)

    asked = model.context_tokens or settings.context_tokens
    wanted = min(model.context_length, asked or _DEFAULT_CONTEXT_TOKENS)
    limit = max(model.context_length, _GENEROUS_KV_TOKENS, 2 * wanted)
    most = _most_tokens(lambda tokens: need(tokens).host.total_bytes <= free, limit)
    left = max(0, free - need(_SMALLEST_CONTEXT_TOKENS).host.total_bytes)
    kv_bytes = settings.kv_memory_bytes or min(left // 4, _MOST_KV_BYTES)
    kv_tokens = min(max(2 * wanted, _GENEROUS_KV_TOKENS), kv_bytes // max(model.kv_bytes_per_token, 1))
    # A context that the owner asked for is given, or the check says that it cannot be.
    insisted = -(-wanted // _CONTEXT_STEP_TOKENS) * _CONTEXT_STEP_TOKENS if kv_tokens < wanted and asked else 0
    kv_tokens = insisted or min(kv_tokens, most)
    kv_tokens = max(_down(kv_tokens, _CONTEXT_STEP_TOKENS), _SMALLEST_CONTEXT_TOKENS)
    if remembers_nothing(model):
        kv_tokens = max(wanted, HEAD_CELLS)  # The stages hold them.
    elif isinstance(model, SliceFile):
        kv_tokens = stage_kv_tokens(wanted)
    return Fit(
        need=need(kv_tokens),
        free_bytes=free,
        wanted_tokens=wanted,
        context_tokens=min(wanted, kv_tokens),
        kv_tokens=kv_tokens,
        most_context_tokens=min(model.context_length, most),
    )


def _step(
    model: ModelFile, settings: EngineSettings, tuning: Tuning | None
) -> tuple[Literal["auto", "on", "off"], int]:
    """How attention is computed, and the rows of a step, which are never fewer than an image needs at once."""
    flash_attention = settings.flash_attention
    if tuning is not None and flash_attention == "auto":
        flash_attention = tuning.flash_attention
    rows = tuning.micro_batch_rows if tuning else 512
    if flash_attention == "off":
        rows = min(rows, UNFUSED_ATTENTION_ROWS)
    if is_ends(model):
        # An image that needs more rows at once cannot pass: the stages know nothing of it.
        return flash_attention, min(rows, rows_over_route(model.shape.embedding_length))
    return flash_attention, max(rows, model.projector.mutual_rows if model.projector else 0)


def _most_tokens(fits: Callable[[int], bool], limit: int) -> int:
    """The most tokens, in whole steps up to `limit`, that fit; 0 if not even one step does."""
    steps = range(1, max(1, limit // _CONTEXT_STEP_TOKENS) + 1)
    return _CONTEXT_STEP_TOKENS * bisect_left(steps, True, key=lambda step: not fits(step * _CONTEXT_STEP_TOKENS))


def load_choice(load: LoadPlan) -> LoadChoice:
    """What of a plan memory depends on. llama.cpp fuses attention wherever it is left to decide on a processor."""
    return LoadChoice(
        kv_tokens=load.kv_tokens,
        sequences=load.sequences,
        micro_batch_rows=load.micro_batch_rows,
        fused_attention=load.flash_attention != "off",
    )


def worth_tuning(model: ModelFile) -> bool:
    """Whether measuring can gain anything: the smallest models are fast whatever one does."""
    return model.size_bytes >= _SMALLEST_SHARED_BYTES and not isinstance(model, SliceFile)


class LoadedSize(NamedTuple):
    """A loaded model as the eviction decision sees it."""

    model_id: ModelId
    name: str
    taken_bytes: int
    """What `fit` said, or what it takes in fact if that is more."""
    last_used: float
    """Any clock, the same for all."""
    in_use: bool
    pinned: bool = False


def evictions(loaded: Sequence[LoadedSize], needed_bytes: int, limit_bytes: int) -> list[ModelId]:
    """Which models to unload, least recently used first, so that `needed_bytes` more fit the limit.

    Raises CrofterError(OUT_OF_MEMORY), naming what stays loaded, if unloading all that may go is not enough.
    """
    total = sum(size.taken_bytes for size in loaded) + needed_bytes
    chosen: list[ModelId] = []
    idle = [size for size in loaded if not size.in_use and not size.pinned]
    for size in sorted(idle, key=lambda size: size.last_used):
        if total <= limit_bytes:
            break
        chosen.append(size.model_id)
        total -= size.taken_bytes
    if total > limit_bytes:
        raise _no_room([size for size in loaded if size not in idle], needed_bytes, limit_bytes)
    return chosen


def _no_room(staying: Sequence[LoadedSize], needed_bytes: int, limit_bytes: int) -> CrofterError:
    left = max(0, limit_bytes - sum(size.taken_bytes for size in staying))
    busy = [size.name for size in staying if size.in_use]
    pinned = [size.name for size in staying if size.pinned and not size.in_use]
    reasons = [f"{', '.join(busy)} {_are(busy)} answering"] if busy else []
    reasons += [f"{', '.join(pinned)} {_are(pinned)} pinned"] if pinned else []
    advice = ["wait for the answers"] if busy else []
    advice += [f"unpin one (`crofter set {pinned[0]} --unpin`)"] if pinned else []
    return CrofterError(
        ErrorCode.OUT_OF_MEMORY,
        f"{shown_size(needed_bytes)} are needed and {shown_size(left)} can be had, as {' and '.join(reasons)}; "
        f"{', '.join(advice)}, or unload one (`crofter stop {(busy + pinned)[0]}`)",
        # Answers end by themselves; a pin does not.
        retry_after_seconds=10.0 if busy else None,
    )


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _down(value: int, step: int) -> int:
    return value // step * step
