"""Times bare decoding on an idle context, for the tuner."""

import time

from .library import Context

_REPETITIONS = 3


def measure(context: Context, prompt_tokens: int, answer_tokens: int) -> tuple[float, float]:
    """(prefill, decode) in tokens a second: the best of a few runs, for whatever disturbs a run makes it slower.

    What the context holds is forgotten.
    """
    rows = min(prompt_tokens, context.rows_capacity)
    context.clear()
    _read(context, rows)  # The first run pays for pages and threads.
    runs = [_run(context, rows, answer_tokens) for _ in range(_REPETITIONS)]
    return rows / min(prefill for prefill, _ in runs), answer_tokens / min(decode for _, decode in runs)


def _run(context: Context, rows: int, answer_tokens: int) -> tuple[float, float]:
    context.clear()
    started = time.monotonic()
    _read(context, rows)
    read = time.monotonic()
    for position in range(rows, rows + answer_tokens):
        context.decode(context.put(0, [0], position, 0, "last"))
        context.logits(0)
    return read - started, time.monotonic() - read


def _read(context: Context, rows: int) -> None:
    tokens = [number % context.model.vocabulary_size for number in range(rows)]
    context.decode(context.put(0, tokens, 0, 0, "last"))
    context.logits(rows - 1)
