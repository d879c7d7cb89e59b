"""What tuning gains: a node as it comes beside one tuned for chat and one tuned for reading, asked in turns."""

import statistics
import sys
from pathlib import Path

import measure
from bare import BareLoop
from measure import READ_TOKENS, Effort, Figures, Scene
from node import Answer, BenchNode, running_node

DEEP_TOKENS = 1024
"""Writing is measured behind a prompt this long: what attention costs shows there."""
_DEEP_ANSWER_TOKENS = 64


def gains(file: Path, model: str, effort: Effort) -> tuple[Figures, dict[str, object]]:
    """The figures, and what the tuner chose for each workload. Takes minutes: the tuner loads the model a dozen times."""
    with (
        running_node() as plain,
        running_node(engine_workload="chat") as chat,
        running_node(engine_workload="reading") as reading,
    ):
        settings, _ = measure.load_both(plain, file, model)
        chosen = {
            f"tuned for {name}": _tune(node, file, model, name) for node, name in ((chat, "chat"), (reading, "reading"))
        }
        with BareLoop(file, settings) as bare:
            scenes = [Scene(node, bare, model, effort) for node in (plain, chat, reading)]
            for scene in scenes:
                _ask(scene, READ_TOKENS, 8)
            deep: list[list[Answer]] = [[], []]
            read: list[list[Answer]] = [[], []]
            for _ in range(effort.reading_rounds):
                for answers, scene in zip(deep, scenes[:2], strict=True):
                    answers.append(_ask(scene, DEEP_TOKENS, _DEEP_ANSWER_TOKENS))
                for answers, scene in zip(read, scenes[::2], strict=True):
                    answers.append(_ask(scene, READ_TOKENS, 1))
    figures = {
        "deep_decode_plain": statistics.median(answer.decode_rate for answer in deep[0]),
        "deep_decode_tuned": statistics.median(answer.decode_rate for answer in deep[1]),
        "prefill_untuned_node": statistics.median(answer.prefill_rate for answer in read[0]),
        "prefill_tuned_node": statistics.median(answer.prefill_rate for answer in read[1]),
    }
    return figures, chosen


def _tune(node: BenchNode, file: Path, model: str, workload: str) -> object:
    print(f"tuning for {workload} …", file=sys.stderr, flush=True)
    node.steps("/crofter/v1/pull", {"source": str(file), "name": model})
    return node.steps("/crofter/v1/tune", {"name": model, "workload": workload})[-1]["chosen"]


def _ask(scene: Scene, prompt_tokens: int, answer_tokens: int) -> Answer:
    return scene.node.complete(scene.model, scene.fresh_text(prompt_tokens), answer_tokens)
