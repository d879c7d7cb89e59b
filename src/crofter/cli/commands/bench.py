"""`crofter bench`: how fast a model answers over the HTTP API, as a program on this machine would see it."""

import platform
import secrets
import statistics
import time
from typing import Any

import click
import msgspec

from crofter.cli.answers import read
from crofter.cli.client import NodeClient
from crofter.cli.output import json_option, print_facts, print_json, say
from crofter.cli.start import ensure_node
from crofter.client import Reply, Timings
from crofter.core import CrofterError, ErrorCode, Usage

WRITING_TOKENS = 128
READING_WORDS = 400


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the runs, with what they were measured on."""

    first_token_milliseconds: float
    decode_tokens_per_second: float
    prefill_tokens_per_second: float
    conditions: dict[str, Any]


@click.command("bench")
@click.argument("model", default="")
@click.option("--runs", type=click.IntRange(min=1), default=3, show_default=True, help="Runs after one to warm up.")
@json_option()
def bench_command(model: str, runs: int, as_json: bool) -> None:
    """Measure time to first token, writing speed and reading speed of MODEL (otherwise the default one)."""
    with ensure_node() as client:
        say("warming up …")
        _write(client, model)
        written: list[tuple[Reply, float]] = []
        read: list[Reply] = []
        for run in range(1, runs + 1):
            say(f"run {run} of {runs} …")
            written.append(_write(client, model))
            read.append(_read(client, model))
        version = client.admin.status().version
    result = Result(
        first_token_milliseconds=round(statistics.median(_figures(answer)[1].ttft_ms for answer, _ in written), 1),
        decode_tokens_per_second=round(statistics.median(rate for _, rate in written), 1),
        prefill_tokens_per_second=round(statistics.median(map(_reading_rate, read)), 1),
        conditions={
            "model": written[0][0].model,
            "prompt_tokens": [_figures(answer)[0].prompt_tokens for answer in (written[0][0], read[0])],
            "completion_tokens": _figures(written[0][0])[0].completion_tokens,
            "runs": runs,
            "machine": f"{platform.system()} {platform.machine()}",
            "crofter": version,
        },
    )
    _print(result, as_json)


def _print(result: Result, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    print_facts(
        [
            ("first token", f"{result.first_token_milliseconds} ms"),
            ("writes", f"{result.decode_tokens_per_second} tokens/s"),
            ("reads", f"{result.prefill_tokens_per_second} tokens/s"),
            *[(name, str(value)) for name, value in result.conditions.items()],
        ]
    )


def _write(client: NodeClient, model: str) -> tuple[Reply, float]:
    """One answer and its tokens per second after the first, by this process's clock."""
    arrivals: list[float] = []
    question = "Tell me a long story about a farm."
    with client.stream(question, model=model, radius=None, max_tokens=WRITING_TOKENS, temperature=0) as stream:
        answer = read(stream, lambda _piece, _is_reasoning: arrivals.append(time.monotonic()))
    passed = arrivals[-1] - arrivals[0] if arrivals else 0.0
    return answer, (_figures(answer)[0].completion_tokens - 1) / passed if passed else 0.0


def _read(client: NodeClient, model: str) -> Reply:
    """One token after a long prompt that no prefix cache has seen."""
    words = " ".join([secrets.token_hex(4), *(f"word{number}" for number in range(READING_WORDS // 4))])
    with client.stream(words, model=model, radius=None, max_tokens=1, temperature=0) as stream:
        return stream.rest()


def _reading_rate(answer: Reply) -> float:
    usage, timings = _figures(answer)
    return 1000 * usage.prompt_tokens / timings.ttft_ms


def _figures(answer: Reply) -> tuple[Usage, Timings]:
    if answer.usage is None or answer.timings is None:
        raise CrofterError(ErrorCode.INTERNAL, "the answer came without figures; see `crofter logs`.")
    return answer.usage, answer.timings
