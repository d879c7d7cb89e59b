"""Times bare decoding on an idle context, for the tuner."""

import time

from .context import Context

_REPETITIONS = 2
_WARM_UP_ROWS = 64


def measure(context: Context, prompt_tokens: int, answer_tokens: int) -> tuple[float, float]:
    """(prefill, decode) in tokens a second: the best of a few runs, for whatever disturbs a run makes it slower.

    What the context holds is forgotten.
    """
    rows = min(prompt_tokens, context.cells - answer_tokens)
    context.clear()
    _read(context, min(rows, _WARM_UP_ROWS))  # The first run pays for pages and threads.
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
    for start in range(0, rows, context.rows_capacity):
        count = min(context.rows_capacity, rows - start)
        tokens = [number % context.model.vocabulary_size for number in range(start, start + count)]
        context.decode(context.put(0, tokens, start, 0, "last"))
        context.logits(count - 1)
