"""What a route costs beside the whole model in one worker, and beside llama.cpp's own RPC.

    python bench/swarm.py [--quick] [--json] [--only hop,split,rpc,wan,sessions,prefill]

Each node is a process; the transport, the sessions and the workers are the node's own. Delays need root (network namespaces); without, and
where llama.cpp's RPC cannot be built, the figures are left out and the conditions say so. The first run writes the 1B model.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # `tests.hosts` makes the machines

from llama_rpc import build  # noqa: E402
from parts import written  # noqa: E402
from places import LOOPBACK, Place, Process, Swarm, far_apart  # noqa: E402
from report import machine  # noqa: E402
from shapes import model_file  # noqa: E402

SEEDLING = ROOT / "src/crofter/models/embedded/seedling.gguf"
ROUND_TRIPS_MS = (20, 50, 100)
SESSIONS = 4
_SHORT_PROMPT = 16
_SEEDLING_CONTEXT, _CONTEXT = 2048, 4096
_LONG_PROMPT = 2000

Figures = dict[str, float]
Conditions = dict[str, str]


class Effort(NamedTuple):
    """How much of each is measured."""

    rounds: int
    small_tokens: int
    """Of an answer of the seedling."""
    tokens: int
    """Of the large model."""
    prompt_tokens: int
    """Of the long prompt."""


QUICK = Effort(rounds=3, small_tokens=64, tokens=8, prompt_tokens=512)
FULL = Effort(rounds=7, small_tokens=256, tokens=32, prompt_tokens=_LONG_PROMPT)


class Scene(NamedTuple):
    """What is measured, and with what."""

    model: Path
    """The large one, which may be the seedling too."""
    effort: Effort
    conditions: Conditions

    @property
    def context(self) -> int:
        return _SEEDLING_CONTEXT if self.model == SEEDLING else _CONTEXT


def medians(rounds: int, ways: Mapping[str, Callable[[], dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Each way's figures, the medians of so many rounds in which the ways take turns; one round before is not counted."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        order = list(ways.items())
        for name, way in order if number % 2 else reversed(order):
            figures = way()
            if number:
                taken[name].append(figures)
    return {
        name: {key: statistics.median(each[key] for each in runs) for key in runs[0]} for name, runs in taken.items()
    }


def hop(scene: Scene) -> Figures:
    """The seedling over one, two and three stages: the layers are as many in all, so that what differs is the hops."""
    tokens = scene.effort.small_tokens
    with ExitStack() as stack:
        swarm = Swarm(stack, [LOOPBACK] * 4)
        swarm.hold(SEEDLING, _SEEDLING_CONTEXT, (1, 2, 3))

        def over(stages: int, *, idle: bool = False) -> Callable[[], dict[str, float]]:
            def ask() -> dict[str, float]:
                before = swarm.processor_seconds()
                figures = swarm.ask(SEEDLING, _SEEDLING_CONTEXT, _SHORT_PROMPT, tokens, stages=stages, idle=idle)
                used = 1e3 * (swarm.processor_seconds() - before) / tokens
                return figures | {"used_ms": used}

            return ask

        ways = {f"{stages}": over(stages) for stages in (1, 2, 3)}
        ways |= {f"idle {stages}": over(stages, idle=True) for stages in (1, 3)}
        ways["whole"] = lambda: swarm.ask(SEEDLING, _SEEDLING_CONTEXT, _SHORT_PROMPT, tokens)
        found = medians(scene.effort.rounds, ways)
    step, used = ({name: figures.get(key, 0.0) for name, figures in found.items()} for key in ("step_ms", "used_ms"))
    network = (step["idle 3"] - step["idle 1"]) / 2
    each = (step["3"] - step["1"]) / 2
    return {
        "hop_ms_p50": each,
        "hop_network_ms_p50": network,
        "hop_worker_ms_p50": each - network,
        "hop_node_processor_ms": (used["3"] - used["1"]) / 2,
        "ends_ms_p50": found["1"]["step_ms"] - found["1"]["route_ms"],
        "step_ms_1_stage": step["1"],
        "step_ms_2_stages": step["2"],
        "step_ms_3_stages": step["3"],
        "token_ms_whole_seedling": found["whole"]["token_ms"],
    }


def split(scene: Scene) -> Figures:
    """Three stages, and two, against the whole model and against two of llama.cpp's RPC servers, all on loopback."""
    model, effort, context = scene.model, scene.effort, scene.context
    with ExitStack() as stack:
        swarm = Swarm(stack, [LOOPBACK] * 4)
        swarm.hold(model, context, (2, 3))
        ways: dict[str, Callable[[], dict[str, float]]] = {
            "whole": lambda: swarm.ask(model, context, _SHORT_PROMPT, effort.tokens),
            "2": lambda: swarm.ask(model, context, _SHORT_PROMPT, effort.tokens, stages=2),
            "3": lambda: swarm.ask(model, context, _SHORT_PROMPT, effort.tokens, stages=3),
        }
        for name, patient in (("rpc", False), ("rpc patient", True)):
            if (client := _rpc(stack, scene, [LOOPBACK] * 3, patient=patient)) is not None:
                ways[name] = partial(client.asked, prompt=_SHORT_PROMPT, answer=effort.tokens)
        found = {name: figures["token_ms"] for name, figures in medians(effort.rounds, ways).items()}
    figures = {f"token_ms_{name.replace(' ', '_')}": each for name, each in found.items()}
    figures["split_over_whole"] = found["whole"] / found["3"]
    figures |= {f"{name.replace(' ', '_')}_ratio": found[name] / found["2"] for name in found if name.startswith("rpc")}
    return figures


def far(scene: Scene) -> Figures:
    """Three stages at machines that are far from each other, against the ring of a token and what computing takes."""
    figures: Figures = {}
    model, effort, context = scene.model, scene.effort, scene.context
    for round_trip in ROUND_TRIPS_MS:
        with ExitStack() as stack:
            try:
                places = stack.enter_context(far_apart(4, round_trip))
            except RuntimeError as error:
                scene.conditions["delays"] = f"left out: {error}"
                return figures
            swarm = Swarm(stack, places)
            for each, tokens in ((SEEDLING, _SEEDLING_CONTEXT), (model, context)):
                swarm.hold(each, tokens, (3,))
            found = medians(max(2, effort.rounds // 2), _far_ways(swarm, scene))
            for name in ("seedling", "model"):
                ideal = (3 + 1) * round_trip / 2 + found[f"{name} whole"]["token_ms"]
                figures[f"{name}_token_ms_{round_trip}ms"] = found[f"{name} route"]["token_ms"]
                figures[f"{name}_over_ideal_{round_trip}ms"] = found[f"{name} route"]["token_ms"] / ideal
            if round_trip == ROUND_TRIPS_MS[0]:
                figures |= _near_the_first(stack, swarm, scene, places)
    figures["wan_over_ideal"] = max(figures[f"model_over_ideal_{each}ms"] for each in ROUND_TRIPS_MS)
    figures["wan_over_ideal_seedling"] = max(figures[f"seedling_over_ideal_{each}ms"] for each in ROUND_TRIPS_MS)
    return figures


def _far_ways(swarm: Swarm, scene: Scene) -> dict[str, Callable[[], dict[str, float]]]:
    effort = scene.effort

    def asking(model: Path, context: int, tokens: int, stages: int) -> Callable[[], dict[str, float]]:
        return lambda: swarm.ask(model, context, _SHORT_PROMPT, tokens, stages=stages)

    small, large = max(16, effort.small_tokens // 4), effort.tokens
    return {
        "seedling whole": asking(SEEDLING, _SEEDLING_CONTEXT, small, 0),
        "seedling route": asking(SEEDLING, _SEEDLING_CONTEXT, small, 3),
        "model whole": asking(scene.model, scene.context, large, 0),
        "model route": asking(scene.model, scene.context, large, 3),
    }


def _near_the_first(stack: ExitStack, swarm: Swarm, scene: Scene, places: Sequence[Place]) -> Figures:
    """At the shortest distance also: several answers at once, and llama.cpp's RPC with two remotes."""
    effort = scene.effort
    figures: Figures = {}
    for name, model, context, tokens in (
        ("", scene.model, scene.context, effort.tokens),
        ("_seedling", SEEDLING, _SEEDLING_CONTEXT, effort.small_tokens),
    ):

        def asking(sessions: int) -> Callable[[], dict[str, float]]:
            return lambda: swarm.ask(model, context, _SHORT_PROMPT, tokens, stages=3, sessions=sessions)  # noqa: B023 - called here

        found = medians(max(2, effort.rounds // 2), {"one": asking(1), "several": asking(SESSIONS)})
        figures[f"sessions_gain{name}"] = SESSIONS * found["one"]["seconds"] / found["several"]["seconds"]
    if (client := _rpc(stack, scene, places[:3], patient=True)) is not None:
        swarm.hold(scene.model, scene.context, (2,))
        ways: dict[str, Callable[[], dict[str, float]]] = {
            "rpc": partial(client.asked, prompt=_SHORT_PROMPT, answer=effort.tokens),
            "2": lambda: swarm.ask(scene.model, scene.context, _SHORT_PROMPT, effort.tokens, stages=2),
        }
        found = medians(2, ways)
        figures["rpc_patient_token_ms_20ms"] = found["rpc"]["token_ms"]
        figures["rpc_patient_ratio_20ms"] = found["rpc"]["token_ms"] / found["2"]["token_ms"]
    return figures


def prefill(scene: Scene) -> Figures:
    """A long prompt over stages that have a core each, one thread to a core, against one worker that has one core; and unpinned."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    stages = min(3, cores)
    found: dict[str, dict[str, float]] = {}
    for pinned in (True, False):
        with ExitStack() as stack:
            count = stages if pinned else 3
            swarm = Swarm(stack, [LOOPBACK] * (1 + count), threads=1 if pinned else 0, pinned=pinned)
            swarm.hold(scene.model, scene.context, (count,))

            def asking(count: int) -> Callable[[], dict[str, float]]:
                prompt = scene.effort.prompt_tokens
                return lambda: swarm.ask(scene.model, scene.context, prompt, 1, stages=count)  # noqa: B023 - called here

            each = medians(1, {"whole": asking(0), "route": asking(count)})
            found |= {f"{name} {pinned}": figures for name, figures in each.items()}
    tokens = scene.effort.prompt_tokens
    scene.conditions["prefill"] = (
        f"{tokens} tokens, {stages} stages on {stages} cores, one thread each, against one worker on one core;"
        f" shared: 3 stages and one worker, each with as many threads as the machine has cores ({cores})"
    )
    return {
        "prefill_gain": found["whole True"]["first"] / found["route True"]["first"],
        "prefill_stages": stages,
        "prefill_tokens_per_second_whole": tokens / found["whole True"]["first"],
        "prefill_gain_shared": found["whole False"]["first"] / found["route False"]["first"],
    }


def _rpc(stack: ExitStack, scene: Scene, places: Sequence[Place], *, patient: bool) -> Process | None:
    """A client at the first place, with the model on servers at the others; None if it cannot be built here.

    `patient`: its threads wait for each other as the node's workers do, which on a busy machine is most of its time.
    """
    threads = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    try:
        build()
    except RuntimeError as error:
        scene.conditions["llama.cpp's RPC"] = f"left out: {error}"
        return None
    more = {"GOMP_SPINCOUNT": "1000", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} if patient else {}
    endpoints = [f"{place.host}:{port}" for port, place in enumerate(places[1:], 50_552 + 10 * patient)]
    for endpoint, place in zip(endpoints, places[1:], strict=True):
        stack.callback(Process(place, "llama_rpc.py", "serve", endpoint, threads, more=more).close)
    client = Process(places[0], "llama_rpc.py", "ask", str(scene.model), threads, *endpoints, more=more)
    stack.callback(client.close)
    client.heard()
    scene.conditions["llama.cpp's RPC"] = f"{len(endpoints)} servers with all layers and the head, {threads} threads"
    return client


PARTS: dict[str, Callable[[Scene], Figures]] = {"hop": hop, "split": split, "far": far, "prefill": prefill}


@contextmanager
def _load(conditions: Conditions, name: str) -> Generator[None]:
    before = os.getloadavg()[0]
    yield
    conditions[f"load average, {name}"] = f"{before:.2f} before, {os.getloadavg()[0]:.2f} after"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", default=",".join(PARTS), help="which parts, by name")
    parser.add_argument("--model", default="1b", help="the large model's shape; `seedling` takes that for it too")
    options = parser.parse_args()
    effort = QUICK if options.quick else FULL
    model = SEEDLING if options.model == "seedling" else model_file(options.model)
    for each in {model, SEEDLING}:
        written(each, (1, 2, 3))
    conditions: Conditions = {
        "large model": model.name,
        "network": f"iroh {version('iroh')}, rows in fp16",
        "effort": repr(effort),
    }
    figures: Figures = {}
    for name in options.only.split(","):
        with _load(conditions, name):
            figures |= PARTS[name](Scene(model, effort, conditions))
    said = {"figures": figures, "conditions": conditions | machine()}
    if options.json:
        json.dump(said, sys.stdout, indent=1)
        return
    for kind in said.values():
        for key, value in kind.items():
            print(f"{key:32} {value:.3f}" if isinstance(value, float) else f"{key:32} {value}")


if __name__ == "__main__":
    main()
