"""Compares what the engine says a model will take with what real workers take, over shapes, contexts and load settings.

    python bench/fit.py [--json] [--shape NAME ...]

Each load starts a worker, reads a full step and some tokens, and reads the memory of the process and
llama.cpp's log. docs/benchmarks.md explains the figures.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import anyio
import psutil
from fit_shapes import SHAPES
from shapes import cache_folder, model_file
from sparse import write_shape

from crofter.core import ModelFile, ModelId
from crofter.engine.fit import LoadChoice, MemoryNeed, memory_need, shape_of
from crofter.engine.process import WorkerProcess
from crofter.engine.wire import LoadPlan, Measure, Measured
from crofter.models import read_facts
from crofter.models.installed import model_file as as_model_file
from crofter.models.installed import packaged_model

_LOAD_SECONDS = 300.0
_ANSWER_TOKENS = 4


class Case(NamedTuple):
    """One way to load one model."""

    model: str
    context: int = 8192
    rows: int = 512
    sequences: int = 16
    fused: bool = True
    repack: bool = True

    def __str__(self) -> str:
        extras = ("" if self.fused else ", attention not fused") + ("" if self.repack else ", mapped")
        return f"{self.model}, context {self.context:,}, {self.rows} rows, {self.sequences} sequences{extras}"


CASES = (
    Case("seedling", 1024),
    Case("0.5b", 2048),
    Case("0.5b", 8192),
    Case("0.5b", 32_768, sequences=1),
    Case("0.5b", 1024, 128, fused=False),
    Case("0.5b", 2048, repack=False),
    Case("1b", 2048),
    Case("1b", 32_768, 128, sequences=8),
    Case("llama-multihead", 2048),
    Case("llama-multihead", 1024, fused=False),
    Case("llama-grouped", 2048, sequences=4),
    Case("fused-multihead", 1024),
    Case("qwen3-experts", 2048),
    Case("gpt-oss", 2048),
    Case("deepseek2-small", 2048),
    Case("gemma2", 8192, 128),
    Case("gemma3", 2048),
    Case("gemma3", 16_384),
    Case("mamba2", 2048, sequences=4),
    Case("mamba2", 2048, sequences=1),
    Case("granite-hybrid", 2048, sequences=8),
    Case("qwen35-hybrid", 2048, sequences=8),
)


class Result(NamedTuple):
    """Bytes said and found, by part."""

    case: Case
    predicted_bytes: int
    measured_bytes: int
    parts: dict[str, tuple[int, int]]
    """Name of the part to bytes predicted and, by llama.cpp's log, allocated."""

    @property
    def ratio(self) -> float:
        """Above one: too much was said."""
        return self.predicted_bytes / self.measured_bytes


def main() -> None:
    """Measure and print, the worst first."""
    options = _options()
    results: list[Result] = []
    for case in CASES:
        if options.shape and case.model not in options.shape:
            continue
        print(case, end=" … ", file=sys.stderr, flush=True)
        results.append(asyncio.run(_measured(case)))
        print(f"{results[-1].ratio:.3f} {results[-1].parts}", file=sys.stderr, flush=True)
    results.sort(key=lambda result: abs(result.ratio - 1), reverse=True)
    if options.json:
        print(json.dumps([{**result._asdict(), "case": str(result.case)} for result in results], indent=1))
        return
    print("| load | said, MB | taken, MB | said by taken | weights, MB | keys and values, MB | compute, MB |")
    print("|---|---|---|---|---|---|---|")
    for result in results:
        parts = " | ".join(f"{said / 1e6:.0f} of {found / 1e6:.0f}" for said, found in result.parts.values())
        print(
            f"| {result.case} | {result.predicted_bytes / 1e6:.0f} | {result.measured_bytes / 1e6:.0f} | {result.ratio:.3f} | {parts} |"
        )
    errors = [abs(result.ratio - 1) for result in results]
    print(f"\n{len(results)} loads; off by {max(errors):.1%} at worst, {statistics.median(errors):.1%} in the median.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What fit says beside what loading takes.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--shape", nargs="*", default=[], help="only these models")
    return parser.parse_args()


def bench_model(name: str) -> ModelFile:
    """A model to measure with, made first if need be."""
    if name == "seedling":
        path = packaged_model()
    elif name in SHAPES:
        path = cache_folder() / "fit" / f"{name}.gguf"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_shape(path, SHAPES[name])
    else:
        path = model_file(name)
    return as_model_file(name, ModelId(name), path, path.stat().st_size, read_facts(path))


async def _measured(case: Case) -> Result:
    model = bench_model(case.model)
    choice = LoadChoice(
        kv_tokens=case.context, sequences=case.sequences, micro_batch_rows=case.rows, fused_attention=case.fused
    )
    need = memory_need(shape_of(model), choice)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "worker.log")
        worker = await WorkerProcess.start(_plan(model, case, need), log, _LOAD_SECONDS)
        running = asyncio.ensure_future(worker.run())  # noqa: TID251 - one worker, waited for below
        try:
            # Keys and values are written to when they are allocated; only scores grow with what the cache holds.
            tokens = case.context - _ANSWER_TOKENS - 1
            if case.fused:
                tokens = min(tokens, case.rows)
            await worker.ask(
                Measure(call=0, prompt_tokens=tokens, answer_tokens=_ANSWER_TOKENS), Measured, _LOAD_SECONDS
            )
            taken = int(psutil.Process(worker.process_id).memory_info().rss)
        finally:
            await worker.stop()
            await running
        said = await anyio.Path(log).read_text(errors="replace")
    return Result(case, need.total_bytes, taken, _parts(need, said))


def _plan(model: ModelFile, case: Case, need: MemoryNeed) -> LoadPlan:
    threads = max(1, psutil.cpu_count(logical=False) or 1)
    return LoadPlan(
        path=str(model.path),
        context_tokens=case.context,
        kv_tokens=case.context,
        prefix_cache_bytes=0,
        sequences=case.sequences,
        queue_limit=16,
        micro_batch_rows=case.rows,
        rows_while_writing=32,
        threads=threads,
        batch_threads=threads,
        gpu_layers=0,
        shape=shape_of(model),
        flash_attention="on" if case.fused else "off",
        repack=case.repack,
        estimated_bytes=need.total_bytes,
    )


def _parts(need: MemoryNeed, log: str) -> dict[str, tuple[int, int]]:
    def logged(pattern: str) -> int:
        return int(sum(float(size) for size in re.findall(pattern + r"\s+=\s+([\d.]+) MiB", log)) * (1 << 20))

    return {
        "weights": (need.host.weights_bytes, logged(r"model buffer size")),
        "keys and values": (need.host.kv_bytes, logged(r"(?:KV|RS) buffer size")),
        "compute": (need.host.compute_bytes, logged(r"(?:compute|output) buffer size")),
    }


if __name__ == "__main__":
    main()
