import pytest

from crofter.client import Patience
from crofter.core import CrofterError, ErrorCode

GONE = CrofterError(ErrorCode.NODE_NOT_RUNNING, "gone")
PATIENCE = Patience(retries=3, first_wait_seconds=0.5, longest_wait_seconds=1.5)


def busy(seconds: float | None) -> CrofterError:
    return CrofterError(ErrorCode.OVERLOADED, "busy", retry_after_seconds=seconds)


@pytest.mark.parametrize(("attempt", "wait"), [(0, 0.5), (1, 1.0), (2, 1.5), (3, None)])
def test_a_node_nobody_reached_is_asked_again_and_later_each_time(attempt: int, wait: float | None) -> None:
    assert PATIENCE.wait_seconds(GONE, attempt, reached=False, repeatable=False) == wait


@pytest.mark.parametrize(("seconds", "wait"), [(1.0, 1.0), (None, None), (60.0, None)])
def test_a_node_is_waited_for_as_long_as_it_says_and_no_longer_than_we_like(
    seconds: float | None, wait: float | None
) -> None:
    assert PATIENCE.wait_seconds(busy(seconds), 0, reached=True, repeatable=True) == wait
    assert PATIENCE.wait_seconds(busy(seconds), 0, reached=True, repeatable=False) is None


def test_nothing_is_asked_again_unless_that_is_wanted() -> None:
    assert Patience().wait_seconds(GONE, 0, reached=False, repeatable=True) is None
