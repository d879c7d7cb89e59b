"""What may be under way on a line, decided without a clock: a line is a queue that gives out so many bytes a second, and a delay."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode
from crofter.network.bulk.plan import (
    LARGEST_BYTES,
    SMALLEST_BYTES,
    TARGET_SECONDS,
    TARGET_SHARE,
    Window,
    held_back,
    is_due,
    looked,
    rerouted,
    sent,
    taken,
)

STEP_SECONDS = 0.001
ITEM_BYTES = 2**20


def target(round_trip_seconds: float) -> float:
    """How long the queue on such a line should be, in seconds."""
    return max(TARGET_SECONDS, TARGET_SHARE * round_trip_seconds)


class SimulatedLine:
    """One sender who always has more, in steps of a millisecond. Acknowledgements take as long as data does without a queue."""

    def __init__(self, megabits: float, round_trip_seconds: float, *, at_the_ends: bool = False) -> None:
        """`at_the_ends`: the queue is in one of the two processes, and QUIC does not see it."""
        self.bytes_per_second = megabits * 1e6 / 8
        self.round_trip_seconds = round_trip_seconds
        self.at_the_ends = at_the_ends
        self.window = Window()
        self.now = 0.0
        self.queued_bytes = 0.0
        self._smooth_seconds = round_trip_seconds
        self._passed_bytes = self._told_bytes = self._told_at = 0.0
        self._coming: deque[tuple[float, int]] = deque()

    def run(self, seconds: float) -> tuple[float, float]:
        """What share of the line was used, and how long the queue took on average in seconds."""
        began, before, waits = self.now, self.window.taken_bytes, list[float]()
        while self.now < began + seconds:
            self._step()
            waits.append(self.queued_bytes / self.bytes_per_second)
        used = (self.window.taken_bytes - before) / (self.bytes_per_second * (self.now - began))
        return used, sum(waits) / len(waits)

    def take_another_way(self, round_trip_seconds: float) -> None:
        """As a connection does that leaves a relay, or its node its network."""
        self.round_trip_seconds = self._smooth_seconds = round_trip_seconds
        self.window = rerouted(self.window)

    def _step(self) -> None:
        self.now += STEP_SECONDS
        passed_bytes = min(self.queued_bytes, self.bytes_per_second * STEP_SECONDS)
        self.queued_bytes -= passed_bytes
        self._passed_bytes += passed_bytes
        if is_due(int(self._passed_bytes - self._told_bytes), self.now - self._told_at):
            self._told_bytes, self._told_at = self._passed_bytes, self.now
            self._coming.append((self.now + self.round_trip_seconds, int(self._passed_bytes)))
        while self._coming and self._coming[0][0] <= self.now:
            self.window = taken(self.window, self._coming.popleft()[1], self.now)
        # QUIC's round trip is smoothed too, and comes in whole milliseconds.
        seen_bytes = 0.0 if self.at_the_ends else self.queued_bytes
        round_trip_seconds = self.round_trip_seconds + seen_bytes / self.bytes_per_second
        self._smooth_seconds += (round_trip_seconds - self._smooth_seconds) / 8
        if self.window.wants_look(self.now):
            self.window = looked(self.window, int(self._smooth_seconds * 1e3) / 1e3, self.now)
        while size_bytes := self.window.may_send(ITEM_BYTES):
            self.window = sent(self.window, size_bytes, self.now)
            self.queued_bytes += size_bytes
        self.window = held_back(self.window)


@settings(deadline=None, max_examples=25)
@given(megabits=st.floats(4, 200), round_trip_seconds=st.floats(0.001, 0.2))
def test_line_is_used_and_its_queue_stays_short(megabits: float, round_trip_seconds: float) -> None:
    line = SimulatedLine(megabits, round_trip_seconds)
    line.run(5.0)
    used, queue_seconds = line.run(10.0)
    needed_bytes = line.bytes_per_second * (round_trip_seconds + target(round_trip_seconds))
    assert used >= 0.8 * min(1.0, LARGEST_BYTES / needed_bytes)
    # On a slow line the smallest window is a queue by itself, and what it takes passes for the line's own delay.
    assert queue_seconds <= 1.6 * target(round_trip_seconds) + 1.5 * SMALLEST_BYTES / line.bytes_per_second


def test_queue_at_the_ends_of_a_short_line_stays_short_too() -> None:
    line = SimulatedLine(400, 0.001, at_the_ends=True)
    line.run(5.0)
    used, queue_seconds = line.run(10.0)
    assert used > 0.8
    assert queue_seconds < 2 * TARGET_SECONDS


@pytest.mark.parametrize("round_trip_seconds", [0.002, 0.02, 0.1])
def test_own_queue_is_never_taken_for_the_lines_delay(round_trip_seconds: float) -> None:
    line = SimulatedLine(50, round_trip_seconds)
    line.run(120.0)
    used, queue_seconds = line.run(10.0)
    assert used > 0.9
    assert queue_seconds < 1.6 * target(round_trip_seconds)


def test_another_way_with_a_longer_delay_is_used_at_once() -> None:
    line = SimulatedLine(20, 0.02)
    line.run(5.0)
    line.take_another_way(0.2)
    line.run(5.0)
    assert line.run(5.0)[0] > 0.8


def test_line_whose_delay_grew_unnoticed_is_used_again_in_a_while() -> None:
    line = SimulatedLine(20, 0.02)
    line.run(5.0)
    line.round_trip_seconds = 0.1
    assert line.run(5.0)[0] < 0.5
    line.run(20.0)
    assert line.run(5.0)[0] > 0.8


def test_window_that_nobody_uses_up_does_not_grow() -> None:
    window = Window()
    for second in range(100):
        window = sent(window, 1_000, float(second))
        window = looked(taken(window, window.sent_bytes, float(second)), 0.05, float(second))
    assert window.size_bytes == SMALLEST_BYTES


@given(st.integers(0, SMALLEST_BYTES), st.integers(1, ITEM_BYTES))
def test_the_two_sides_never_wait_for_each_other(untold_bytes: int, wanted_bytes: int) -> None:
    """The receiver has taken everything, and does not say so for this little: then the sender goes on."""
    window = sent(Window(), untold_bytes, 0.0)
    assert is_due(untold_bytes, 0.0) or window.may_send(wanted_bytes)


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, ITEM_BYTES), st.floats(0, 1), st.floats(0, 20))))
def test_no_course_of_things_leaves_the_bounds(course: list[tuple[float, int, float, float]]) -> None:
    window, now = Window(), 0.0
    for round_trip_seconds, wanted_bytes, share, seconds in course:
        window = held_back(sent(window, window.may_send(wanted_bytes), now))
        under_way = window.sent_bytes - window.taken_bytes
        assert under_way <= LARGEST_BYTES
        if taken_now := int(under_way * share):
            window = taken(window, window.taken_bytes + taken_now, now)
        now += seconds
        window = looked(window, round_trip_seconds, now)
        assert SMALLEST_BYTES <= window.limit_bytes <= window.size_bytes <= LARGEST_BYTES


@pytest.mark.parametrize("taken_bytes", [0, 5_000, 10_001, 2**64 - 1])
def test_acknowledgement_of_nothing_new_or_of_what_was_not_sent_is_refused(taken_bytes: int) -> None:
    window = taken(sent(Window(), 10_000, 0.0), 5_000, 0.0)
    with pytest.raises(CrofterError) as caught:
        taken(window, taken_bytes, 0.0)
    assert caught.value.code is ErrorCode.PEER_FAILED
