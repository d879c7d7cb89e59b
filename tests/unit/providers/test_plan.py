"""When to try again, and when to stay away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.providers.plan import (
    FAILURES_TO_OPEN,
    FIRST_REST_SECONDS,
    LONGEST_PAUSE_SECONDS,
    LONGEST_REST_SECONDS,
    Breaker,
    entered,
    failed,
    given_up,
    pause_seconds,
    succeeded,
)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        breaker = failed(breaker, now)
    return breaker


@pytest.mark.parametrize(
    ("attempt", "wish", "chance", "expected"),
    [
        (1, None, 0.0, 0.25),
        (1, None, 1.0, 0.5),
        (2, None, 1.0, 1.0),
        (3, None, 1.0, None),
        (1, 3.0, 0.5, 3.0),
        (1, LONGEST_PAUSE_SECONDS + 1, 0.5, None),
    ],
)
def test_pauses_double_and_a_bearable_wish_is_granted(
    attempt: int, wish: float | None, chance: float, expected: float | None
) -> None:
    assert pause_seconds(attempt, 3, wish, chance) == expected


@given(attempt=st.integers(1, 20), chance=st.floats(0, 1))
def test_no_pause_is_longer_than_the_longest(attempt: int, chance: float) -> None:
    pause = pause_seconds(attempt, 30, None, chance)
    assert pause is not None
    assert 0 < pause <= LONGEST_PAUSE_SECONDS


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker = failed(breaker, 0.0)
    assert entered(breaker, 0.0)[1] is None
    assert entered(succeeded(), 0.0)[1] is None
    assert entered(failed(breaker, 0.0), 1.0)[1] == FIRST_REST_SECONDS - 1.0


def test_after_the_rest_one_may_try_and_the_others_wait() -> None:
    trying, wait = entered(opened(), FIRST_REST_SECONDS)
    assert wait is None
    assert entered(trying, FIRST_REST_SECONDS)[1] is not None
    assert entered(given_up(trying), FIRST_REST_SECONDS)[1] is None


def test_a_failed_trial_makes_the_rest_longer_up_to_a_limit() -> None:
    breaker, now = opened(), 0.0
    rests: list[float] = []
    for _ in range(8):
        assert breaker.rests_until is not None
        rests.append(breaker.rests_until - now)
        now = breaker.rests_until
        breaker = failed(entered(breaker, now)[0], now)
    assert rests[:2] == [FIRST_REST_SECONDS, 2 * FIRST_REST_SECONDS]
    assert rests[-1] == LONGEST_REST_SECONDS


def test_one_that_set_out_earlier_does_not_make_the_rest_longer() -> None:
    breaker = opened()
    assert failed(breaker, 1.0) == breaker


Happening = tuple[str, float]


@given(st.lists(st.tuples(st.sampled_from(["enter", "succeed", "fail", "give up"]), st.floats(0, 60)), max_size=60))
def test_whatever_happens_somebody_gets_through_in_the_end(happenings: list[Happening]) -> None:
    breaker, now, trials = Breaker(), 0.0, 0
    for what, seconds in happenings:
        now += seconds
        if what == "enter":
            entered_breaker, wait = entered(breaker, now)
            assert wait is None or 0 < wait <= LONGEST_REST_SECONDS
            trials += entered_breaker is not breaker
            breaker = entered_breaker
        else:
            breaker = {"succeed": succeeded(), "fail": failed(breaker, now), "give up": given_up(breaker)}[what]
        # Without a trial under way, the wait never outlives the longest rest.
        assert entered(given_up(breaker), now + LONGEST_REST_SECONDS)[1] is None
