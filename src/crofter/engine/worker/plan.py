"""What the next step computes: pure decisions over counts, no llama.cpp, no clock."""

from collections.abc import Sequence
from typing import NamedTuple

SMALLEST_PREFILL_ROWS = 8
"""A step that reads fewer rows than this of a prompt hardly moves it on, and leaves no less than this for the next."""

TILE_ROWS = 32
"""Matrix kernels take rows in tiles (64 rows measured 500 ms, 65 rows 574 ms on one machine): steps are kept to whole ones."""

_CHUNKS_AHEAD = 8
_SMALLEST_CHUNK_ROWS = 128
_FUSED_TILE_ROWS = 64
"""From so many rows on ggml's fused attention works in tiles (`GGML_FA_TILE_Q`), and rounds otherwise."""


class Reader(NamedTuple):
    """A prompt being read."""

    remaining_rows: int
    waited_steps: int


class StepLimits(NamedTuple):
    """What one step may hold."""

    rows: int
    """Rows of one micro-batch."""
    prefill_rows: int
    """Prompt rows of this step, all readers together."""
    kv_rows: int
    """Cells still free in the KV cache."""


def prefill_shares(readers: Sequence[Reader], writers: int, limits: StepLimits) -> list[int]:
    """How many rows of each reader go into the next step, beside one row of each writer.

    The shortest remaining prompt first, so that a short question does not wait behind a long document; waiting counts as
    progress, so that the document is not put off for ever.
    """
    shares = [0] * len(readers)
    room = min(limits.rows - writers, limits.prefill_rows, limits.kv_rows - writers)
    order = sorted(
        range(len(readers)),
        key=lambda index: readers[index].remaining_rows - readers[index].waited_steps * limits.prefill_rows,
    )
    for index in order:
        remaining = readers[index].remaining_rows
        rows = min(remaining, room)
        if rows < remaining < rows + SMALLEST_PREFILL_ROWS and remaining >= 2 * SMALLEST_PREFILL_ROWS:
            rows = remaining - SMALLEST_PREFILL_ROWS
        if rows < min(remaining, SMALLEST_PREFILL_ROWS):
            break
        shares[index] = rows
        room -= rows
    return shares


def prefill_rows_now(
    *,
    writers: int,
    alone: bool,
    micro_batch_rows: int,
    rows_while_writing: int,
    seconds_per_row: float,
    longest_step_seconds: float,
) -> int:
    """Prompt rows for one step: few beside running answers, all for a prompt that is alone, else as many as the time allows.

    `seconds_per_row` is 0 while it is not known. A step is never shorter than `rows_while_writing`, else reading would starve.
    """
    if writers:
        rows = rows_while_writing
    elif alone or seconds_per_row <= 0.0:
        rows = micro_batch_rows
    else:
        rows = max(rows_while_writing, int(longest_step_seconds / seconds_per_row))
    # A row more than whole tiles costs as much as another tile.
    tiles = max(1, min(rows, micro_batch_rows) // TILE_ROWS)
    return max(tiles * TILE_ROWS - writers, SMALLEST_PREFILL_ROWS)


def rows_to_read(pending: int, *, repeatable: bool) -> int:
    """How many of a reader's pending rows may go into prompt chunks.

    A request that must give the same text again has its last row computed by itself: kernels round by the shape of a batch, and a
    row by itself is what is left to compute when the same prompt comes from the prefix cache.
    """
    return pending - 1 if repeatable and pending > 1 else pending


def chunk_rows(sent: int, remaining: int, most: int) -> int:
    """Rows of the next chunk of a prompt for the stages of a route, `sent` being those before it.

    n chunks pass k stages in (n + k - 1) times the time of the slowest: many chunks keep all stages busy, and smaller ones towards
    the end make up for the keys and values that each has to look at. None is so small that a step is mostly overhead.
    A whole model reads steps of `most` rows. No chunk goes beyond the end of one, or is too short for fused attention in tiles if
    the step is not: the result is then the same to the last bit.
    """
    left = most - sent % most
    step = min(left if left >= SMALLEST_PREFILL_ROWS else most, remaining)
    if step < remaining < step + SMALLEST_PREFILL_ROWS:
        step = remaining - SMALLEST_PREFILL_ROWS
    rows = max(-(-remaining // _CHUNKS_AHEAD), _SMALLEST_CHUNK_ROWS)
    rows = -(-rows // TILE_ROWS) * TILE_ROWS
    return step if step < rows + _FUSED_TILE_ROWS else rows


def preempted(sessions: Sequence[tuple[int, int]], kv_rows: int) -> int:
    """How many sessions must give way, counted from the youngest, so that the others have room for their next step.

    `sessions` are (cells used, cells needed now), oldest first. The oldest never gives way.
    """
    count = 0
    while count < len(sessions) - 1:
        staying = sessions[: len(sessions) - count]
        if sum(used + needed for used, needed in staying) <= kv_rows:
            break
        count += 1
    return count
