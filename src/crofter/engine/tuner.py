"""Measures, in real workers, what llama.cpp leaves to defaults: weight layout, threads, micro-batch, fused attention.

One choice after the other, each kept if it is better for the workload, so that a dozen short runs do instead of all combinations.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import anyio
import msgspec

from .plan import UNFUSED_ATTENTION_ROWS
from .process import WorkerProcess
from .values import TuneStep, Tuning
from .wire import LoadPlan, Measure, Measured

_PROMPT_TOKENS = 1024
"""Writing is measured behind such a prompt, for what attention costs shows only then."""
_ANSWER_TOKENS = 24
_LOAD_SECONDS = 300.0
_MEASURE_SECONDS = 300.0
_WORTHWHILE = 1.02
"""A change must gain this factor to be kept: less is noise."""
_WEIGHTS = {"chat": (512, 256), "reading": (4096, 64)}
"""Prompt and answer tokens of a typical request, by workload."""


def score(workload: Literal["chat", "reading"], measured: Measured) -> float:
    """Typical requests a second: higher is better. Pure."""
    prompt, answer = _WEIGHTS[workload]
    return 1.0 / (prompt / measured.prefill_tokens_per_second + answer / measured.decode_tokens_per_second)


def trials(base: Tuning, physical_cores: int, mutual_rows: int = 0) -> Sequence[Mapping[str, str | int | bool]]:
    """Changes, each tried upon the best so far; settings that only make sense together change together. Pure.

    `mutual_rows`: no step may have fewer; so many without fused attention would take much memory.
    """
    fewer = sorted({physical_cores // 2, physical_cores - 1} - {0, base.threads})
    unfused = {"flash_attention": "off", "micro_batch_rows": min(base.micro_batch_rows, UNFUSED_ATTENTION_ROWS)}
    return (
        {"repack": not base.repack},
        *({"threads": count} for count in fewer),
        *({"batch_threads": count} for count in fewer),
        *({"micro_batch_rows": rows} for rows in (128, 256) if mutual_rows <= rows < base.micro_batch_rows),
        *([unfused] if mutual_rows <= UNFUSED_ATTENTION_ROWS else []),
    )


async def tune(
    base: LoadPlan,
    physical_cores: int,
    workload: Literal["chat", "reading"],
    log_path: Path,
) -> AsyncGenerator[TuneStep]:
    """Yield a step a measurement; the last one has `chosen`. Raises CrofterError if the model does not load."""
    best = Tuning(
        threads=base.threads,
        batch_threads=base.batch_threads,
        micro_batch_rows=base.micro_batch_rows,
        flash_attention=base.flash_attention,
        repack=base.repack,
    )
    changes = trials(best, physical_cores, base.mutual_rows)
    steps = len(changes) + 1
    best_figures = await _measure(base, best, log_path)
    yield _step(1, steps, "llama.cpp's defaults", best_figures)
    for number, change in enumerate(changes, start=2):
        trial = msgspec.convert(msgspec.to_builtins(best) | dict(change), Tuning)
        figures = await _measure(base, trial, log_path)
        if score(workload, figures) > _WORTHWHILE * score(workload, best_figures):
            best, best_figures = trial, figures
        description = ", ".join(f"{field.replace('_', ' ')}: {value}" for field, value in change.items())
        yield _step(number, steps, description, figures)
    last = _step(steps, steps, "chosen", best_figures)
    yield msgspec.structs.replace(last, chosen=msgspec.to_builtins(best))


def _step(number: int, steps: int, description: str, figures: Measured) -> TuneStep:
    return TuneStep(
        step=number,
        steps=steps,
        description=description,
        prefill_tokens_per_second=figures.prefill_tokens_per_second,
        decode_tokens_per_second=figures.decode_tokens_per_second,
    )


async def _measure(base: LoadPlan, tuning: Tuning, log_path: Path) -> Measured:
    load = msgspec.structs.replace(base, **msgspec.to_builtins(tuning))
    worker = await WorkerProcess.start(load, log_path, _LOAD_SECONDS)
    async with anyio.create_task_group() as running:
        running.start_soon(worker.run)
        try:
            message = Measure(call=0, prompt_tokens=_PROMPT_TOKENS, answer_tokens=_ANSWER_TOKENS)
            return await worker.ask(message, Measured, _MEASURE_SECONDS)
        finally:
            with anyio.CancelScope(shield=True):
                await worker.stop()
    raise AssertionError("unreachable")
