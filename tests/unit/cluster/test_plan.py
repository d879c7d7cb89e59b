"""What a stage does with a frame, decided without a stage; and who gets in."""

import pytest

from crofter.cluster.plan import (
    Agreed,
    Progress,
    StageLimits,
    busy_seconds,
    computed,
    judged,
    skipped,
)
from crofter.cluster.wire import Frame, FrameError

AGREED = Agreed(most_rows=32, context_tokens=100, last=False)
LAST = Agreed(most_rows=32, context_tokens=100, last=True)
AT = Progress(next_step=4, held=20)


def rows(step: int, position: int, count: int = 1, *, discard: bool = False) -> Frame:
    return Frame(kind="rows", session_id=bytes(16), epoch=1, step=step, position=position, count=count, discard=discard)


def test_next_step_where_the_last_ended_is_computed() -> None:
    assert judged(AT, rows(4, 20, 5), AGREED) == "compute"
    assert computed(rows(4, 20, 5)) == Progress(next_step=5, held=25)


def test_rows_before_what_is_held_replace_it() -> None:
    assert judged(AT, rows(4, 7), AGREED) == "compute"
    assert computed(rows(4, 7)) == Progress(next_step=5, held=8)


def test_step_that_is_done_is_never_computed_again() -> None:
    assert judged(AT, rows(3, 20), AGREED) == "repeat"
    assert judged(AT, rows(0, 0), LAST) == "repeat"


def test_gap_in_steps_or_positions_is_asked_for() -> None:
    assert judged(AT, rows(5, 20), AGREED) == "need"
    assert judged(AT, rows(4, 21), AGREED) == "need"


def test_only_the_last_stage_skips_what_nobody_wants() -> None:
    assert judged(AT, rows(4, 20, discard=True), AGREED) == "compute"
    assert judged(AT, rows(4, 20, discard=True), LAST) == "skip"
    assert skipped(AT, rows(4, 20)) == Progress(next_step=5, held=20)
    assert skipped(AT, rows(4, 12)) == Progress(next_step=5, held=12)
    assert skipped(AT, rows(4, 30)) == Progress(next_step=5, held=20)


@pytest.mark.parametrize(("position", "count"), [(0, 0), (0, 33), (100, 1), (99, 2)])
def test_rows_outside_what_was_agreed_are_refused(position: int, count: int) -> None:
    with pytest.raises(FrameError):
        judged(Progress(held=200), rows(0, position, count), AGREED)


def test_who_comes_when_all_is_taken_hears_when_the_first_lease_ends() -> None:
    limits = StageLimits(sessions=3, sessions_of_one=2)
    assert busy_seconds([], 0, limits, 10.0) is None
    assert busy_seconds([50.0, 40.0], 1, limits, 10.0) is None
    assert busy_seconds([50.0, 40.0, 60.0], 0, limits, 10.0) == 30.0
    assert busy_seconds([50.0, 40.0], 2, limits, 10.0) == 30.0
    assert busy_seconds([50.0, 9.0, 60.0], 0, limits, 10.0) == 1.0
