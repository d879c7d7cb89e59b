"""What is measured: each function runs the node and the bare loop in turns and returns plain figures (medians)."""

import random
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import llama_bench
import psutil
from bare import BareLoop, BareSettings, Written
from node import Answer, BenchNode

Figures = dict[str, float]

READ_TOKENS = 512
STREAMS = 8

_SHORT_TOKENS = 8

_TEXT = (
    "the of and to in that was his with for had not but from they she which you were her all this when there been one "
    "have who will more out about into them then some could time very than first other water house people after little "
    "work long great where through before right old think must came again world light under never country between much"
)
_WRITER_HEAD_START_TOKENS = 24


class Effort(NamedTuple):
    """How much is measured."""

    writing_rounds: int
    answer_tokens: int
    reading_rounds: int
    batched_rounds: int
    batched_tokens: int
    long_tokens: int


class Scene:
    """A node and a bare loop with the same model loaded."""

    def __init__(self, node: BenchNode, bare: BareLoop, model: str, effort: Effort) -> None:
        self.node = node
        self.bare = bare
        self.model = model
        self.effort = effort
        self._random = random.Random(0)
        sample = self._sentence(400)
        self._words_per_token = 400 / bare.token_count(sample)

    def fresh_text(self, tokens: int) -> str:
        """Text of so many tokens, or one or two fewer, that nobody has read before."""
        words = self._sentence(max(1, round(1.1 * tokens * self._words_per_token))).split()
        while len(words) > 1 and (excess := self.bare.token_count(" ".join(words)) - tokens) > 0:
            del words[-max(1, int(excess * self._words_per_token)) :]
        return " ".join(words)

    def _sentence(self, words: int) -> str:
        return " ".join(self._random.choices(_TEXT.split(), k=words))


def load_both(node: BenchNode, file: Path, name: str) -> tuple[BareSettings, Figures]:
    """Install and load a model in the node. Returns what the bare loop must be loaded with, and what the memory is spent on."""
    idle_bytes = _resident(node.process_id)
    node.steps("/crofter/v1/pull", {"source": str(file), "name": name})
    node.complete(name, "Once upon a time", 8)
    loaded = node.loaded()
    kv_bytes = loaded["kv_tokens"] * node.model_details(name)["kv_bytes_per_token"]
    worker_bytes = _resident(loaded["process_id"])
    settings = BareSettings(
        kv_tokens=loaded["kv_tokens"],
        sequences=node.setting("engine.parallel_requests"),
        micro_batch_rows=min(512, loaded["kv_tokens"]),
        threads=loaded["threads"],
        batch_threads=loaded["threads"],
        flash_attention="auto",
        repack=True,
    )
    return settings, {
        "node_idle_mb": idle_bytes / 1e6,
        "worker_mb": worker_bytes / 1e6,
        "weights_mb": file.stat().st_size / 1e6,
        "kv_mb": kv_bytes / 1e6,
        "worker_extra_mb": (worker_bytes - file.stat().st_size - kv_bytes) / 1e6,
    }


def writing(scene: Scene) -> Figures:
    """Single-stream decode, and time to first token of a prompt so short that what the node adds shows."""
    tokens = scene.effort.answer_tokens
    node: list[Answer] = []
    bare: list[Written] = []
    for _ in range(scene.effort.writing_rounds):
        prompt = scene.fresh_text(_SHORT_TOKENS)
        bare.append(scene.bare.write(prompt, tokens))
        node.append(_complete(scene, prompt, tokens))
    return {
        "decode_node": _median(answer.decode_rate for answer in node),
        "decode_bare": _median(answer.decode_rate for answer in bare),
        "gap_usual_ms": 1000 / _median(answer.decode_rate for answer in node),
        "ttft_short_node_ms": 1000 * _median(answer.first_token_seconds for answer in node),
        "ttft_short_bare_ms": 1000 * _median(answer.first_token_seconds for answer in bare),
        "ttft_short_extra_ms": _extra_ms(node, bare),
    }


def reading(scene: Scene) -> Figures:
    """Prefill and time to first token of a fresh prompt, and of the same prompt again."""
    node: list[Answer] = []
    bare: list[Written] = []
    again: list[Answer] = []
    for _ in range(scene.effort.reading_rounds):
        prompt = scene.fresh_text(READ_TOKENS)
        bare.append(scene.bare.write(prompt, 1))
        node.append(_complete(scene, prompt, 1))
        again += [_complete(scene, prompt, 1) for _ in range(3)]
    node_first = _median(answer.first_token_seconds for answer in node)
    again_first = _median(answer.first_token_seconds for answer in again)
    return {
        "read_tokens": node[0].prompt_tokens,
        "prefill_node": _median(answer.prefill_rate for answer in node),
        "prefill_bare": _median(answer.prefill_rate for answer in bare),
        "ttft_node_ms": 1000 * node_first,
        "ttft_bare_ms": 1000 * _median(answer.first_token_seconds for answer in bare),
        "ttft_extra_ms": _extra_ms(node, bare),
        "ttft_again_ms": 1000 * again_first,
        "prefix_ttft_gain": node_first / again_first,
        "prefix_cached_tokens": _median(answer.cached_tokens for answer in again),
    }


def batching(scene: Scene) -> Figures:
    """Eight requests at once against one after another, their short prompts included, for both."""
    tokens = scene.effort.batched_tokens
    single_node: list[float] = []
    single_bare: list[float] = []
    many_node: list[float] = []
    many_bare: list[float] = []
    for _ in range(scene.effort.batched_rounds):
        prompts = [scene.fresh_text(_SHORT_TOKENS) for _ in range(STREAMS)]
        single_bare.append(tokens / scene.bare.write(prompts[0], tokens).total_seconds)
        single_node.append(tokens / _complete(scene, scene.fresh_text(_SHORT_TOKENS), tokens).total_seconds)
        many_bare.append(STREAMS * tokens / scene.bare.batch_seconds(prompts, tokens))
        many_node.append(STREAMS * tokens / _all_seconds(scene, prompts, tokens))
    return {
        "batched_node": _median(many_node),
        "batched_bare": _median(many_bare),
        "batched_gain_node": _median(many_node) / _median(single_node),
        "batched_gain_bare": _median(many_bare) / _median(single_bare),
    }


def stuttering(scene: Scene, usual_gap_ms: float) -> Figures:
    """What a running answer notices of a long prompt that is read beside it."""
    rows = scene.node.setting("engine.rows_while_writing")
    prompt = scene.fresh_text(scene.effort.long_tokens)
    # A chunk costs most at the end of the prompt, where every row looks back at all before it.
    chunk_seconds = scene.bare.chunk_seconds(prompt, rows)
    tokens = 2 * _WRITER_HEAD_START_TOKENS + round(1.3 * scene.effort.long_tokens / rows)
    writer, reader = _write_beside_reading(scene, prompt, tokens, usual_gap_ms / 1000)
    begin = reader.started - writer.started
    end = begin + reader.first_token_seconds
    beside = [gap for gap, at in zip(_gaps(writer), writer.arrivals[1:], strict=True) if begin < at <= end]
    return {
        "gap_beside_reading_ms": 1000 * _median(beside),
        "gap_longest_ms": 1000 * max(beside),
        "chunk_rows": rows,
        "chunk_ms": 1000 * chunk_seconds,
        "gap_limit_ms": 2 * usual_gap_ms + 1000 * chunk_seconds,
        "long_prompt_tokens": reader.prompt_tokens,
        "long_prompt_seconds": reader.first_token_seconds,
    }


def beside_llama_bench(scene: Scene, program: Path, model: Path) -> Figures:
    """Node and llama-bench in turns. Both load the model anew in each round, as speed varies with where its memory comes to lie."""
    figures: dict[str, list[float]] = {"node_decode": [], "node_prefill": [], "decode": [], "prefill": []}

    def node() -> None:
        scene.node.unload(scene.model)
        _complete(scene, scene.fresh_text(READ_TOKENS), 8)  # llama-bench warms up too
        figures["node_decode"].append(
            _complete(scene, scene.fresh_text(_SHORT_TOKENS), scene.effort.answer_tokens).decode_rate
        )
        figures["node_prefill"].append(_complete(scene, scene.fresh_text(READ_TOKENS), 1).prefill_rate)
        scene.node.unload(scene.model)

    def rival() -> None:
        figures["decode"].append(llama_bench.rate(program, model, answer_tokens=scene.effort.answer_tokens))
        figures["prefill"].append(llama_bench.rate(program, model, prompt_tokens=READ_TOKENS))

    for turn in range(scene.effort.reading_rounds):
        for run in (node, rival) if turn % 2 else (rival, node):
            run()
    return {f"llama_bench_{name}": _median(rates) for name, rates in figures.items()}


def memory_after(node: BenchNode) -> Figures:
    """What node and worker take when all is done: the worker now also keeps prompts for reuse."""
    return {
        "node_after_mb": _resident(node.process_id) / 1e6,
        "worker_after_mb": _resident(node.loaded()["process_id"]) / 1e6,
    }


def _extra_ms(node: list[Answer], bare: list[Written]) -> float:
    """How much later the node's first token comes."""
    pairs = zip(node, bare, strict=True)
    return 1000 * _median(answer.first_token_seconds - other.first_token_seconds for answer, other in pairs)


def _complete(scene: Scene, prompt: str, tokens: int) -> Answer:
    return scene.node.complete(scene.model, prompt, tokens)


def _all_seconds(scene: Scene, prompts: list[str], tokens: int) -> float:
    answers = scene.node.complete_all(scene.model, prompts, tokens)
    return max(a.started + a.total_seconds for a in answers) - min(a.started for a in answers)


def _write_beside_reading(scene: Scene, prompt: str, tokens: int, usual_gap: float) -> tuple[Answer, Answer]:
    with ThreadPoolExecutor(1) as thread:
        writer = thread.submit(scene.node.complete, scene.model, scene.fresh_text(16), tokens)
        time.sleep(_WRITER_HEAD_START_TOKENS * usual_gap)
        reader = scene.node.complete(scene.model, prompt, 1)
        return writer.result(), reader


def _gaps(answer: Answer) -> list[float]:
    return [later - earlier for earlier, later in zip(answer.arrivals, answer.arrivals[1:], strict=False)]


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _resident(process_id: int) -> float:
    return float(psutil.Process(process_id).memory_info().rss)
