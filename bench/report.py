"""From figures to a verdict: the table, the ratios, the conditions. Reads no clock but the date, and measures nothing."""

import datetime as dt
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

Figures = Mapping[str, float]


class Row(NamedTuple):
    """A line of the table; `wanted` is the bound that the design sets, `good` whether it is met."""

    name: str
    node: str
    compared: str
    ratio: float
    wanted: str
    good: bool


def rows(figures: Figures) -> list[Row]:
    """The figures as lines, each beside what it is compared with and what is wanted of it. Pure."""
    f = figures
    lines = [
        _row("decode, tokens/s", f["decode_node"], f["decode_bare"], "bare", 0.97),
        _row("prefill, tokens/s", f["prefill_node"], f["prefill_bare"], "bare", 0.97),
        _first_token_row("first token, short prompt, ms", f, "ttft_short"),
        _first_token_row("first token, 512-token prompt, ms", f, "ttft"),
        _row("8 streams, tokens/s", f["batched_node"], f["batched_bare"], "bare", 0.9),
        Row("8 streams, gain over one by one", f"{f['batched_gain_node']:.2f}", f"{f['batched_gain_bare']:.2f} bare",
            f["batched_gain_node"], ">= 2", f["batched_gain_node"] >= 2),
        Row("first token again, ms", f"{f['ttft_again_ms']:.1f}", f"{f['ttft_node_ms']:.1f} first time",
            f["prefix_ttft_gain"], ">= 20", f["prefix_ttft_gain"] >= 20),
        Row("longest gap beside reading, ms", f"{f['gap_longest_ms']:.1f}",
            f"{f['gap_usual_ms']:.1f} usual, {f['chunk_ms']:.1f} a chunk",
            f["gap_longest_ms"] / f["gap_usual_ms"], f"<= {f['gap_limit_ms']:.1f} ms", f["gap_longest_ms"] <= f["gap_limit_ms"]),
        Row("node idle, MB", f"{f['node_idle_mb']:.0f}", "", f["node_idle_mb"] / 150, "<= 150 MB", f["node_idle_mb"] <= 150),
        Row("worker over weights and KV, MB", f"{f['worker_extra_mb']:.0f}",
            f"{f['worker_mb']:.0f} in all, {f['weights_mb']:.0f} weights, {f['kv_mb']:.0f} KV",
            f["worker_extra_mb"] / 200, "<= 200 MB", f["worker_extra_mb"] <= 200),
    ]  # fmt: skip
    if "llama_bench_decode" in f:
        lines.append(
            _row("decode, tokens/s", f["llama_bench_node_decode"], f["llama_bench_decode"], "llama-bench", 1.0)
        )
        lines.append(
            _row("prefill, tokens/s", f["llama_bench_node_prefill"], f["llama_bench_prefill"], "llama-bench", 1.0)
        )
    if "prefill_tuned_node" in f:
        other = "llama-bench" if "llama_bench_prefill" in f else "untuned"
        compared = f.get("llama_bench_prefill", f["prefill_untuned_node"])
        lines.append(_row("prefill tuned for reading, tokens/s", f["prefill_tuned_node"], compared, other, 1.4))
        lines.append(
            _row(
                "decode behind 1,024 tokens, tuned for chat, tokens/s",
                f["deep_decode_tuned"],
                f["deep_decode_plain"],
                "untuned",
                1.0,
            )
        )
    return lines


def _first_token_row(name: str, f: Figures, key: str) -> Row:
    extra = f[f"{key}_extra_ms"]
    node, bare = f"{f[f'{key}_node_ms']:.1f}", f"{f[f'{key}_bare_ms']:.1f} bare"
    return Row(name, node, bare, extra, "within 10 ms", extra <= 10)


def _row(name: str, node: float, compared: float, whose: str, least: float) -> Row:
    return Row(name, f"{node:.1f}", f"{compared:.1f} {whose}", node / compared, f">= {least}", node >= least * compared)


def ratios(results: Mapping[str, Figures]) -> dict[str, float]:
    """The worst over the models."""
    return {
        "decode": round(min(f["decode_node"] / f["decode_bare"] for f in results.values()), 3),
        "prefill": round(min(f["prefill_node"] / f["prefill_bare"] for f in results.values()), 3),
        "batched": round(min(f["batched_gain_node"] for f in results.values()), 3),
        "prefix_ttft": round(min(f["prefix_ttft_gain"] for f in results.values()), 1),
    }


def rounded(results: Mapping[str, Figures]) -> dict[str, dict[str, float]]:
    """The figures to three decimals, for JSON."""
    return {name: {key: round(value, 3) for key, value in figures.items()} for name, figures in results.items()}


def machine() -> dict[str, object]:
    """What was measured on."""
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


def table(title: str, lines: Sequence[Row]) -> str:
    """The lines as Markdown."""
    head = f"\n{title}\n\n| | node | beside | ratio | wanted | |\n|---|---|---|---|---|---|\n"
    return head + "".join(
        f"| {line.name} | {line.node} | {line.compared} | {line.ratio:.3g} | {line.wanted} | {'yes' if line.good else 'NO'} |\n"
        for line in lines
    )
