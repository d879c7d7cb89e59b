"""How often and how long to try again: growing pauses, the server's wish if it has one, and an end."""

import time
from collections.abc import Callable

from .faults import TransientError

Pause = Callable[[float], None]
"""Waits so many seconds; may raise to end it all."""

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
STEP_SECONDS = 0.2


class Patience:
    """Counts failures in a row."""

    def __init__(self, pause: Pause, attempts: int = ATTEMPTS) -> None:
        self._pause = pause
        self._attempts = attempts
        self._failures = 0

    def restore(self) -> None:
        """Something worked: begin counting anew."""
        self._failures = 0

    def spend(self, failure: TransientError) -> None:
        """Wait before the next attempt. Raises the failure's error when there were enough."""
        self._failures += 1
        if self._failures >= self._attempts:
            raise failure.error
        growing = min(FIRST_PAUSE_SECONDS * 2 ** (self._failures - 1), LONGEST_PAUSE_SECONDS)
        self._pause(growing if failure.wait_seconds is None else failure.wait_seconds)


sleep: Pause = time.sleep
"""The pause of one who cannot be woken."""


def in_steps(pause: Pause, look: Callable[[], None]) -> Pause:
    """The same pause in short steps, with a look in between whether to go on; `look` raises if not."""

    def wait(seconds: float) -> None:
        left = seconds
        while left > 0:
            look()
            pause(min(left, STEP_SECONDS))
            left -= STEP_SECONDS

    return wait
