"""What may be under way on a line, decided without a clock: a line is a queue that gives out so many bytes a second, and a delay."""

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode
from crofter.network.bulk.plan import (
    LARGEST_BYTES,
    SMALLEST_BYTES,
    TARGET_SECONDS,
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


class SimulatedLine:
    """One sender who always has more, in steps of a millisecond. Acknowledgements take as long as data does without a queue."""

    def __init__(self, megabits: float, round_trip_seconds: float) -> None:
        self.bytes_per_second = megabits * 1e6 / 8
        self.round_trip_seconds = round_trip_seconds
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

    def _step(self) -> None:
        self.now += STEP_SECONDS
        passed_bytes = min(self.queued_bytes, self.bytes_per_second * STEP_SECONDS)
        self.queued_bytes -= passed_bytes
        self._passed_bytes += passed_bytes
        if is_due(int(self._passed_bytes - self._told_bytes), self.now - self._told_at):
            self._told_bytes, self._told_at = self._passed_bytes, self.now
            self._coming.append((self.now + self.round_trip_seconds, int(self._passed_bytes)))
        while self._coming and self._coming[0][0] <= self.now:
            self.window = taken(self.window, self._coming.popleft()[1])
        # QUIC's round trip is smoothed too, and comes in whole milliseconds.
        round_trip_seconds = self.round_trip_seconds + self.queued_bytes / self.bytes_per_second
        self._smooth_seconds += (round_trip_seconds - self._smooth_seconds) / 8
        if self.now >= self.window.look_at:
            self.window = looked(self.window, int(self._smooth_seconds * 1e3) / 1e3, self.now)
        while size_bytes := self.window.may_send(ITEM_BYTES):
            self.window = sent(self.window, size_bytes)
            self.queued_bytes += size_bytes
        self.window = held_back(self.window)


@settings(deadline=None, max_examples=30)
@given(megabits=st.floats(4, 300), round_trip_seconds=st.floats(0.001, 0.2))
def test_line_is_used_and_its_queue_stays_short(megabits: float, round_trip_seconds: float) -> None:
    line = SimulatedLine(megabits, round_trip_seconds)
    line.run(5.0)
    used, queue_seconds = line.run(30.0)
    needed_bytes = line.bytes_per_second * (round_trip_seconds + TARGET_SECONDS)
    assert used >= 0.8 * min(1.0, LARGEST_BYTES / needed_bytes)
    assert queue_seconds <= 2 * TARGET_SECONDS + SMALLEST_BYTES / line.bytes_per_second


def test_x() -> None:
    for mb in (4, 20, 100):
        for rtt in (0.001, 0.01, 0.04, 0.1, 0.2):
            line = SimulatedLine(mb, rtt)
            print(mb, rtt, line.run(3.0), line.run(15.0), line.window.size_bytes)
