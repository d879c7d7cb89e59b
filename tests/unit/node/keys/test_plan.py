"""The arithmetic of limits."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.api import Room
from crofter.core import ErrorCode
from crofter.node.keys.plan import Bucket, calendar_room, day_before, day_of, refusal, wait_seconds

limits = st.integers(1, 100_000)
steps = st.lists(st.tuples(st.floats(0, 300), st.integers(1, 5_000)), min_size=1, max_size=60)
"""Seconds since the last attempt, and how much is wanted."""


def admitted(per_minute: int, attempts: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """When how much was let through of attempts one after another."""
    now, taken = 1_000.0, list[tuple[float, int]]()
    bucket = Bucket.full("tokens", per_minute, now)
    for pause_seconds, amount in attempts:
        now += pause_seconds
        if refusal([bucket.room(now)], "tokens", amount) is None:
            bucket = bucket.less(amount, now)
            taken.append((now, amount))
    return taken


@given(limits, steps)
def test_no_span_of_time_admits_more_than_a_burst_and_what_fills_meanwhile(
    per_minute: int, attempts: list[tuple[float, int]]
) -> None:
    taken = admitted(per_minute, attempts)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            span_seconds = taken[last][0] - taken[first][0]
            most = per_minute * (1 + span_seconds / 60)
            assert sum(amount for _, amount in taken[first : last + 1]) <= most * (1 + 1e-6) + 1e-3


@given(limits, steps, st.integers(0, 1_000_000))
def test_whoever_waits_as_told_is_let_through(
    per_minute: int, attempts: list[tuple[float, int]], debt_tokens: int
) -> None:
    now = 1_000.0
    bucket = Bucket.full("tokens", per_minute, now).less(debt_tokens, now)
    for pause_seconds, wanted in attempts:
        amount = min(wanted, per_minute)
        now += pause_seconds
        now += wait_seconds(bucket.room(now), amount)
        assert refusal([bucket.room(now)], "tokens", amount) is None
        bucket = bucket.less(amount, now)


@given(limits, st.integers(1, 1_000_000), st.floats(0, 1e6))
def test_what_is_given_back_never_makes_more_than_a_minutes_worth(
    per_minute: int, amount: int, passed_seconds: float
) -> None:
    bucket = Bucket.full("tokens", per_minute, 0.0).less(-amount, passed_seconds)
    assert bucket.room(passed_seconds).remaining == per_minute


def test_a_clock_set_back_fills_nothing_and_holds_nobody_up() -> None:
    bucket = Bucket.full("requests", 60, 1_000.0).less(60, 1_000.0)
    bucket = bucket.less(0, 500.0)
    assert bucket.room(500.0).remaining == 0
    assert bucket.room(501.0).remaining == pytest.approx(1)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_days_are_utcs() -> None:
    assert day_of(at("2026-01-31T23:59:59")) == "2026-01-31"
    assert day_of(at("2026-02-01T00:00:00")) == "2026-02-01"
    assert day_before(at("2026-03-01T12:00:00"), 1) == "2026-02-28"


@pytest.mark.parametrize(
    ("period", "now", "end"),
    [
        ("day", "2026-01-31T18:00:00", "2026-02-01T00:00:00"),
        ("month", "2026-01-31T18:00:00", "2026-02-01T00:00:00"),
        ("month", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("month", "2028-02-29T12:00:00", "2028-03-01T00:00:00"),
    ],
)
def test_a_budget_is_whole_again_when_its_period_ends(period: str, now: str, end: str) -> None:
    room = calendar_room("day" if period == "day" else "month", 100, 130, at(now))
    assert room.remaining == -30
    assert room.whole_in_seconds == at(end) - at(now)
    assert wait_seconds(room, 1) == room.whole_in_seconds


def room(unit: str, period: str, limit: int, remaining: float, per_second: float = 0.0) -> Room:
    return Room(
        unit="requests" if unit == "requests" else "tokens",
        period="minute" if period == "minute" else "day",
        limit=limit,
        remaining=remaining,
        whole_in_seconds=3_600,
        per_second=per_second,
    )


def test_the_longest_wait_is_told() -> None:
    rooms = [room("tokens", "minute", 600, 0.0, per_second=10), room("tokens", "day", 1_000, 20)]
    refused = refusal(rooms, "tokens", 50)
    assert refused is not None
    assert refused.code is ErrorCode.RATE_LIMITED
    assert refused.retry_after_seconds == 3_600
    assert refused.message == (
        "the limit of this key is 1,000 tokens a day and 20 are left, but the prompt has 50;"
        " there is room again at midnight UTC"
    )
    assert refusal(rooms, "requests", 1) is None


def test_a_wait_within_the_minute_is_told_in_seconds() -> None:
    refused = refusal([room("requests", "minute", 60, 0.5, per_second=1)], "requests", 1)
    assert refused is not None
    assert refused.retry_after_seconds == 0.5
    assert refused.message == "the limit of this key is 60 requests a minute; there is room again in 1 s"


def test_a_prompt_that_no_wait_makes_fit_is_too_large() -> None:
    refused = refusal([room("tokens", "minute", 600, 600, per_second=10)], "tokens", 601)
    assert refused is not None
    assert refused.code is ErrorCode.REQUEST_TOO_LARGE
