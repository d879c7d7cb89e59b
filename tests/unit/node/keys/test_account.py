"""What a key at work may still do, and what of it has to be written down."""

import pytest

from crofter.api import KeyPolicy
from crofter.core import CrofterError, ErrorCode
from tests.fakes import Clock, account


def code_of(refused: pytest.ExceptionInfo[CrofterError]) -> ErrorCode:
    return refused.value.code


def test_requests_beyond_the_minutes_are_refused_until_one_is_there_again() -> None:
    clock = Clock()
    key = account("laptop", KeyPolicy(requests_per_minute=2), clock)
    key.begin()
    key.begin()
    with pytest.raises(CrofterError) as refused:
        key.begin()
    assert code_of(refused) is ErrorCode.RATE_LIMITED
    assert refused.value.retry_after_seconds == pytest.approx(30)
    clock.now += 30
    key.begin()
    assert key.summary().today.requests == 3


def test_an_answer_may_take_more_than_is_left_and_the_next_one_waits_for_it() -> None:
    clock = Clock()
    key = account("laptop", KeyPolicy(tokens_per_minute=60), clock)
    key.begin()
    key.reserve(40)
    key.charge(completion_tokens=50)
    with pytest.raises(CrofterError) as refused:
        key.begin()
    assert refused.value.retry_after_seconds == pytest.approx(31)
    clock.now += 31
    key.begin()


def test_a_prompt_is_reserved_whole_or_not_at_all() -> None:
    key = account("laptop", KeyPolicy(tokens_per_day=100), Clock())
    key.reserve(60)
    with pytest.raises(CrofterError) as refused:
        key.reserve(41)
    assert code_of(refused) is ErrorCode.RATE_LIMITED
    key.reserve(40)
    with pytest.raises(CrofterError, match="0 are left"):
        key.begin()


def test_what_is_given_back_may_be_used_again() -> None:
    key = account("laptop", KeyPolicy(tokens_per_minute=100, tokens_per_day=100), Clock())
    key.reserve(100)
    key.charge(prompt_tokens=-100)
    key.reserve(100)
    assert key.summary().today.prompt_tokens == 100


def test_days_and_months_begin_anew() -> None:
    clock = Clock()
    key = account("laptop", KeyPolicy(tokens_per_day=100, tokens_per_month=150), clock)
    key.charge(completion_tokens=100)
    clock.now += 86_400
    key.reserve(50)
    with pytest.raises(CrofterError, match="a month"):
        key.reserve(1)
    clock.now += 31 * 86_400
    key.reserve(100)
    assert key.summary().this_month.prompt_tokens == 100


def test_what_is_left_is_told_for_each_limit() -> None:
    key = account("laptop", KeyPolicy(requests_per_minute=60, tokens_per_minute=600, tokens_per_day=1_000), Clock())
    key.begin()
    key.charge(completion_tokens=10)
    rooms = {(room.unit, room.period): (room.limit, room.remaining) for room in key.rooms()}
    assert rooms == {
        ("requests", "minute"): (60, 59),
        ("tokens", "minute"): (600, 590),
        ("tokens", "day"): (1_000, 990),
    }
    assert account("free").rooms() == []


def test_a_changed_policy_keeps_what_was_used_and_fills_the_buckets() -> None:
    key = account("laptop", KeyPolicy(requests_per_minute=1, tokens_per_day=100), Clock())
    key.begin()
    key.charge(completion_tokens=60)
    key.change(KeyPolicy(requests_per_minute=1, tokens_per_day=70))
    key.begin()
    assert [room.remaining for room in key.rooms()] == [0, 10]


def test_only_what_is_new_is_to_be_written() -> None:
    clock = Clock()
    key = account("laptop", clock=clock)
    assert key.unsaved() is None
    key.begin()
    use = key.unsaved()
    assert use is not None
    assert [(day.day, day.requests) for day in use.days] == [("2026-01-01", 1)]
    key.begin()
    key.saved(use)
    later = key.unsaved()
    assert later is not None
    assert later.days[0].requests == 2
    key.saved(later)
    assert key.unsaved() is None


def test_a_day_not_written_yet_outlives_its_month() -> None:
    clock = Clock()
    key = account("laptop", clock=clock)
    key.begin()
    clock.now += 40 * 86_400
    key.begin()
    use = key.unsaved()
    assert use is not None
    assert [day.day for day in use.days] == ["2026-01-01", "2026-02-10"]
    key.saved(use)
    assert key.summary().this_month.requests == 1


def test_the_last_use_is_known_to_the_minute() -> None:
    clock = Clock()
    key = account("laptop", clock=clock)
    key.touch()
    use = key.unsaved()
    assert use is not None
    key.saved(use)
    clock.now += 59
    key.touch()
    assert key.unsaved() is None
    clock.now += 1
    key.touch()
    assert key.unsaved() is not None
    assert key.summary().last_used_at == clock.now


def test_a_key_ends_when_its_policy_says() -> None:
    clock = Clock()
    key = account("laptop", KeyPolicy(expires_at=clock.now + 10), clock)
    assert not key.expired
    clock.now += 10
    assert key.expired
