"""How fast the node answers on this machine, beside the bare llama.cpp loop on the same library, model and minutes.

    python bench/local.py [--quick] [--json] [--model 0.5b|1b|both] [--llama-bench] [--tune-reading]

A real node is started with an empty home and spoken to over HTTP. Leave the machine alone meanwhile: the conditions printed at the
end tell how busy it was. docs/benchmarks.md explains the figures.
"""

import argparse
import datetime as dt
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import llama_bench
import measure
from bare import BareLoop, BareSettings
from measure import Effort, Figures, Scene
from node import running_node
from shapes import SHAPES, model_file

_THOROUGH = Effort(rounds=5, answer_tokens=128, batched_rounds=3, batched_tokens=64)
_QUICK = Effort(rounds=3, answer_tokens=64, batched_rounds=1, batched_tokens=32)


class Row(NamedTuple):
    """A line of the table; `wanted` is the bound that the design sets, `good` whether it is met."""

    name: str
    node: str
    compared: str
    ratio: float
    wanted: str
    good: bool


def main() -> None:
    """Measure and print."""
    options = _options()
    effort = _QUICK if options.quick else _THOROUGH
    names = ["0.5b", "1b"] if options.model == "both" and not options.quick else [options.model]
    if options.model == "both" and options.quick:
        names = ["0.5b"]
    program = _llama_bench_program() if options.llama_bench else None
    load_before = os.getloadavg()[0]
    started = time.monotonic()
    results: dict[str, Figures] = {}
    conditions: dict[str, Any] = {}
    for name in names:
        _say(f"{name}: {SHAPES[name].label}")
        results[name], settings = _measure_model(name, effort, program)
        if options.tune_reading:
            results[name] |= _tuned_for_reading(name, effort)
        conditions[f"model {name}"] = f"{SHAPES[name].label}, Q4_K_M, random weights; {settings}"
    conditions = _machine() | conditions
    conditions |= {
        "effort": str(effort),
        "load average before and after": f"{load_before:.2f}, {os.getloadavg()[0]:.2f}",
        "seconds": round(time.monotonic() - started, 1),
    }
    if options.json:
        print(
            json.dumps({"ratios": _ratios(results), "conditions": conditions, "figures": _rounded(results)}, indent=1)
        )
        return
    for name, figures in results.items():
        _print_table(f"{name}: {SHAPES[name].label}, Q4_K_M", rows(figures))
    for key, value in conditions.items():
        print(f"{key}: {value}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How fast the node answers, beside the bare llama.cpp loop.")
    parser.add_argument("--quick", action="store_true", help="under a minute; the 0.5B model unless 1b is asked for")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--model", choices=[*SHAPES, "both"], default="both")
    parser.add_argument("--llama-bench", action="store_true", help="compare with llama-bench too (built once, minutes)")
    parser.add_argument(
        "--tune-reading", action="store_true", help="also tune for reading and measure prefill again (minutes)"
    )
    return parser.parse_args()


def _llama_bench_program() -> Path | None:
    try:
        return llama_bench.build()
    except RuntimeError as error:
        _say(f"without llama-bench: {error}")
        return None


def _measure_model(name: str, effort: Effort, program: Path | None) -> tuple[Figures, BareSettings]:
    file = model_file(name)
    model = f"bench-{name}"
    with running_node() as node:
        _say("loading …")
        settings, figures = measure.load_both(node, file, model)
        with BareLoop(file, settings) as bare:
            scene = Scene(node, bare, model, effort)
            _say("warming up …")
            measure.writing(Scene(node, bare, model, effort._replace(rounds=1, answer_tokens=16)))
            _say("writing …")
            figures |= measure.writing(scene)
            _say("reading …")
            figures |= measure.reading(scene)
            _say("eight at once …")
            figures |= measure.batching(scene)
            _say("a long prompt beside a running answer …")
            figures |= measure.stuttering(scene, figures["gap_usual_ms"])
            figures |= measure.memory_after(node)
            if program is not None:
                _say("llama-bench …")
                figures |= measure.against_llama_bench(program, file, effort)
    return figures, settings


def _tuned_for_reading(name: str, effort: Effort) -> Figures:
    """Prefill of a node that was told to tune for long prompts."""
    model = f"bench-{name}"
    with running_node(engine_workload="reading") as node:
        settings, _ = measure.load_both(node, model_file(name), model)
        _say("tuning for reading …")
        node.steps("/crofter/v1/tune", {"name": model, "workload": "reading"})
        with BareLoop(model_file(name), settings) as bare:
            scene = Scene(node, bare, model, effort)
            measure.writing(Scene(node, bare, model, effort._replace(rounds=1, answer_tokens=16)))
            return {"prefill_tuned_node": measure.reading(scene)["prefill_node"]}


def rows(figures: Figures) -> list[Row]:
    """The figures as lines, each beside what it is compared with and what is wanted of it. Pure."""
    f = figures
    table = [
        _row("decode, tokens/s", f["decode_node"], f["decode_bare"], "bare", 0.97),
        _row("prefill, tokens/s", f["prefill_node"], f["prefill_bare"], "bare", 0.97),
        Row("first token, ms", f"{f['ttft_node_ms']:.1f}", f"{f['ttft_bare_ms']:.1f} bare",
            f["ttft_extra_ms"], "within 10 ms", f["ttft_extra_ms"] <= 10),
        _row("8 streams, tokens/s", f["batched_node"], f["batched_bare"], "bare", 0.9),
        Row("8 streams, gain over one by one", f"{f['batched_gain_node']:.2f}", f"{f['batched_gain_bare']:.2f} bare",
            f["batched_gain_node"], ">= 2", f["batched_gain_node"] >= 2),
        Row("first token again, ms", f"{f['ttft_again_ms']:.1f}", f"{f['ttft_node_ms']:.1f} first time",
            f["prefix_ttft_gain"], ">= 20", f["prefix_ttft_gain"] >= 20),
        Row("longest gap beside reading, ms", f"{f['gap_longest_ms']:.1f}", f"{f['gap_usual_ms']:.1f} usual",
            f["gap_longest_ms"] / f["gap_usual_ms"], f"<= {f['gap_limit_ms']:.1f} ms", f["gap_longest_ms"] <= f["gap_limit_ms"]),
        Row("node idle, MB", f"{f['node_idle_mb']:.0f}", "", f["node_idle_mb"] / 150, "<= 150 MB", f["node_idle_mb"] <= 150),
        Row("worker over weights and KV, MB", f"{f['worker_extra_mb']:.0f}",
            f"{f['worker_mb']:.0f} in all, {f['weights_mb']:.0f} weights, {f['kv_mb']:.0f} KV",
            f["worker_extra_mb"] / 200, "<= 200 MB", f["worker_extra_mb"] <= 200),
    ]  # fmt: skip
    if "decode_llama_bench" in f:
        table.append(_row("decode, tokens/s", f["decode_node"], f["decode_llama_bench"], "llama-bench", 1.0))
        table.append(_row("prefill, tokens/s", f["prefill_node"], f["prefill_llama_bench"], "llama-bench", 1.0))
    if "prefill_tuned_node" in f:
        other = "llama-bench" if "prefill_llama_bench" in f else "bare"
        compared = f.get("prefill_llama_bench", f["prefill_bare"])
        table.append(_row("prefill tuned for reading, tokens/s", f["prefill_tuned_node"], compared, other, 1.4))
    return table


def _row(name: str, node: float, compared: float, whose: str, least: float) -> Row:
    return Row(name, f"{node:.1f}", f"{compared:.1f} {whose}", node / compared, f">= {least}", node >= least * compared)


def _ratios(results: dict[str, Figures]) -> dict[str, float]:
    """The worst over the models."""
    return {
        "decode": round(min(f["decode_node"] / f["decode_bare"] for f in results.values()), 3),
        "prefill": round(min(f["prefill_node"] / f["prefill_bare"] for f in results.values()), 3),
        "batched": round(min(f["batched_gain_node"] for f in results.values()), 3),
        "prefix_ttft": round(min(f["prefix_ttft_gain"] for f in results.values()), 1),
    }


def _rounded(results: dict[str, Figures]) -> dict[str, Figures]:
    return {name: {key: round(value, 3) for key, value in figures.items()} for name, figures in results.items()}


def _machine() -> dict[str, Any]:
    processor = platform.processor()
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        names = [
            line.partition(":")[2].strip() for line in facts.read_text().splitlines() if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "library": f"llama-cpp-python {version('llama-cpp-python')}",
    }


def _print_table(title: str, table: list[Row]) -> None:
    print(f"\n{title}\n")
    print("| | node | beside | ratio | wanted | |\n|---|---|---|---|---|---|")
    for row in table:
        print(
            f"| {row.name} | {row.node} | {row.compared} | {row.ratio:.3g} | {row.wanted} | {'yes' if row.good else 'NO'} |"
        )
    print()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
