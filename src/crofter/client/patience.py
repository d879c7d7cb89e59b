"""When to ask again. Pure."""

import msgspec

from crofter.core import CrofterError


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Asks again only where that is safe: nobody was reached, or the node itself says when to come back."""

    retries: int = 0
    first_wait_seconds: float = 0.25
    """Doubles each time nobody was reached."""
    longest_wait_seconds: float = 30.0
    """A node that wants a longer one is not waited for."""

    def wait_seconds(self, failure: CrofterError, attempt: int, *, reached: bool, repeatable: bool) -> float | None:
        """How long to wait before the next attempt; None: give up. `attempt` counts those that were made before this one."""
        if attempt >= self.retries:
            return None
        if not reached:
            return min(self.first_wait_seconds * 2**attempt, self.longest_wait_seconds)
        asked_seconds = failure.retry_after_seconds
        if not repeatable or asked_seconds is None or asked_seconds > self.longest_wait_seconds:
            return None
        return asked_seconds
