"""How fast the node answers on this machine, beside the bare llama.cpp loop on the same library, model and minutes.

    python bench/local.py [--quick] [--json] [--model 0.5b|1b|both] [--llama-bench] [--tune]

A real node is started with an empty home and spoken to over HTTP. Leave the machine alone meanwhile: the conditions printed at the
end tell how busy it was. docs/benchmarks.md explains the figures.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import time
from pathlib import Path

import llama_bench
import measure
import tuned
from bare import BareLoop, BareSettings
from measure import Effort, Figures, Scene
from node import running_node
from report import machine, ratios, rounded, rows, table
from shapes import SHAPES, model_file

_THOROUGH = Effort(
    writing_rounds=5, answer_tokens=128, reading_rounds=5, batched_rounds=3, batched_tokens=64, long_tokens=2000
)
_QUICK = Effort(
    writing_rounds=3, answer_tokens=64, reading_rounds=2, batched_rounds=1, batched_tokens=32, long_tokens=1000
)


def main() -> None:
    """Measure and print."""
    # A stopped benchmark must not leave a node behind.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    options = _options()
    effort = _QUICK if options.quick else _THOROUGH
    names = ["0.5b", "1b"] if options.model == "both" and not options.quick else [options.model]
    if options.model == "both" and options.quick:
        names = ["0.5b"]
    program = _llama_bench_program() if options.llama_bench else None
    load_before = os.getloadavg()[0]
    started = time.monotonic()
    results: dict[str, Figures] = {}
    conditions: dict[str, object] = {}
    for name in names:
        _say(f"{name}: {SHAPES[name].label}")
        results[name], settings = _measure_model(name, effort, program)
        if options.tune:
            gained, chosen = tuned.gains(model_file(name), f"bench-{name}", effort)
            results[name] |= gained
            conditions |= {f"{name} {key}": value for key, value in chosen.items()}
        conditions[f"model {name}"] = f"{SHAPES[name].label}, Q4_K_M, random weights; {settings}"
    conditions = machine() | conditions
    conditions |= {
        "effort": str(effort),
        "load average before and after": f"{load_before:.2f}, {os.getloadavg()[0]:.2f}",
        "seconds": round(time.monotonic() - started, 1),
    }
    if options.json:
        print(json.dumps({"ratios": ratios(results), "conditions": conditions, "figures": rounded(results)}, indent=1))
        return
    for name, figures in results.items():
        print(table(f"{name}: {SHAPES[name].label}, Q4_K_M", rows(figures)))
    for key, value in conditions.items():
        print(f"{key}: {value}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How fast the node answers, beside the bare llama.cpp loop.")
    parser.add_argument("--quick", action="store_true", help="under a minute; the 0.5B model unless 1b is asked for")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--model", choices=[*SHAPES, "both"], default="both")
    parser.add_argument("--llama-bench", action="store_true", help="compare with llama-bench too (built once, minutes)")
    parser.add_argument(
        "--tune", action="store_true", help="also tune for either workload and measure what that gains (minutes)"
    )
    return parser.parse_args()


def _llama_bench_program() -> Path | None:
    try:
        return llama_bench.build()
    except RuntimeError as error:
        _say(f"without llama-bench: {error}")
        return None


def _measure_model(name: str, effort: Effort, program: Path | None) -> tuple[Figures, BareSettings]:
    """All figures of one model; thorough runs measure with each of the two loaded first and take the mean."""
    file = model_file(name)
    with running_node() as node:
        _say("loading …")
        settings, figures = measure.load_both(node, file, f"bench-{name}")
        with BareLoop(file, settings) as bare:
            passes = [_measure_pass(Scene(node, bare, f"bench-{name}", effort))]
    if effort is not _QUICK:
        # Whoever is loaded second may be a few per cent faster, by where its memory comes to lie.
        with running_node() as node, BareLoop(file, settings) as bare:
            _say("again, with the bare loop loaded first …")
            measure.load_both(node, file, f"bench-{name}")
            passes.append(_measure_pass(Scene(node, bare, f"bench-{name}", effort)))
    if program is not None:
        with running_node() as node, BareLoop(file, settings) as bare:
            _say("beside llama-bench …")
            measure.load_both(node, file, f"bench-{name}")
            figures |= measure.beside_llama_bench(Scene(node, bare, f"bench-{name}", effort), program, file)
    return figures | {key: statistics.fmean(each[key] for each in passes) for key in passes[0]}, settings


def _measure_pass(scene: Scene) -> Figures:
    _say("warming up …")
    measure.writing(
        Scene(scene.node, scene.bare, scene.model, scene.effort._replace(writing_rounds=1, answer_tokens=16))
    )
    _say("writing …")
    figures = measure.writing(scene)
    _say("reading …")
    figures |= measure.reading(scene)
    _say("eight at once …")
    figures |= measure.batching(scene)
    _say("a long prompt beside a running answer …")
    figures |= measure.stuttering(scene, figures["gap_usual_ms"])
    return figures | measure.memory_after(scene.node)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
