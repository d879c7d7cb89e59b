"""The step decisions, as tables and properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.engine.worker.plan import (
    SMALLEST_PREFILL_ROWS,
    Reader,
    StepLimits,
    chunk_rows,
    preempted,
    prefill_rows_now,
    prefill_shares,
    rows_to_read,
)

ROOMY = StepLimits(rows=512, prefill_rows=512, kv_rows=10_000)


def test_the_shorter_prompt_goes_first() -> None:
    limits = StepLimits(rows=64, prefill_rows=32, kv_rows=1000)
    assert prefill_shares([Reader(500, 0), Reader(20, 0)], 1, limits) == [12, 20]


def test_a_long_prompt_is_not_put_off_for_ever() -> None:
    limits = StepLimits(rows=64, prefill_rows=32, kv_rows=1000)
    assert prefill_shares([Reader(500, 16), Reader(20, 0)], 1, limits) == [32, 0]


def test_no_crumb_is_left_for_the_last_chunk() -> None:
    limits = StepLimits(rows=64, prefill_rows=64, kv_rows=1000)
    assert prefill_shares([Reader(66, 0)], 0, limits) == [66 - SMALLEST_PREFILL_ROWS]


def test_writers_leave_their_rows() -> None:
    assert prefill_shares([Reader(600, 0)], 12, StepLimits(rows=64, prefill_rows=64, kv_rows=1000)) == [52]


@given(
    st.lists(st.builds(Reader, st.integers(1, 3000), st.integers(0, 50)), max_size=12),
    st.integers(0, 16),
    st.builds(StepLimits, rows=st.integers(64, 512), prefill_rows=st.integers(32, 512), kv_rows=st.integers(16, 4000)),
)
def test_shares_keep_every_limit(readers: list[Reader], writers: int, limits: StepLimits) -> None:
    shares = prefill_shares(readers, writers, limits)
    assert sum(shares) + writers <= max(limits.rows, writers)
    assert sum(shares) <= limits.prefill_rows
    assert sum(shares) + writers <= max(limits.kv_rows, writers)
    for reader, share in zip(readers, shares, strict=True):
        assert share == 0 or min(SMALLEST_PREFILL_ROWS, reader.remaining_rows) <= share <= reader.remaining_rows
    if readers and not writers:
        assert sum(shares) > 0


def test_reading_beside_writing_takes_few_rows() -> None:
    rows = prefill_rows_now(
        writers=1,
        alone=False,
        micro_batch_rows=512,
        rows_while_writing=32,
        seconds_per_row=0.001,
        longest_step_seconds=0.5,
    )
    assert rows == 31


@pytest.mark.parametrize(("seconds_per_row", "rows"), [(0.0, 512), (0.0001, 512), (0.005, 96), (1.0, 32)])
def test_reading_alone_takes_what_the_time_allows(seconds_per_row: float, rows: int) -> None:
    assert rows == prefill_rows_now(
        writers=0,
        alone=False,
        micro_batch_rows=512,
        rows_while_writing=32,
        seconds_per_row=seconds_per_row,
        longest_step_seconds=0.5,
    )


def test_a_prompt_that_is_alone_is_read_in_whole_batches() -> None:
    rows = prefill_rows_now(
        writers=0,
        alone=True,
        micro_batch_rows=512,
        rows_while_writing=32,
        seconds_per_row=0.01,
        longest_step_seconds=0.5,
    )
    assert rows == 512


def test_the_last_row_of_what_must_be_repeatable_is_computed_by_itself() -> None:
    assert rows_to_read(500, repeatable=True) == 499
    assert rows_to_read(500, repeatable=False) == 500
    assert rows_to_read(1, repeatable=True) == 1


@pytest.mark.parametrize(
    ("sessions", "kv_rows", "expected"),
    [
        ([(10, 1), (10, 1)], 100, 0),
        ([(50, 1), (49, 1)], 100, 1),
        ([(60, 1), (30, 1), (9, 1)], 100, 1),
        ([(100, 1)], 100, 0),
    ],
)
def test_the_youngest_give_way(sessions: list[tuple[int, int]], kv_rows: int, expected: int) -> None:
    assert preempted(sessions, kv_rows) == expected


def test_room_for_all_needs_nobody_to_give_way() -> None:
    assert prefill_shares([Reader(10, 0)], 0, ROOMY) == [10]
    assert preempted([], 100) == 0


@pytest.mark.parametrize("rows", [1, 7, 63, 64, 128, 129, 160, 519, 520, 575, 576, 2000, 30_000])
def test_chunks_for_a_route_are_short_only_where_a_whole_models_step_would_be(rows: int) -> None:
    chunks: list[int] = []
    while rows - sum(chunks):
        chunks.append(chunk_rows(sum(chunks), rows - sum(chunks), 512))
    assert all(rows <= 512 for rows in chunks)
    tail = rows % 512
    short = {tail} if 8 <= tail < 64 else {8, rows} if tail < 8 else set[int]()
    assert {rows for rows in chunks if rows < 64} <= short
    assert len(chunks) >= min(8, rows // 192)
