"""When to try again, and when to leave a server alone for a while. Pure: clocks and chance are handed in."""

import msgspec

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
"""A server that asks for more patience than this is reported instead of waited for."""
FAILURES_TO_OPEN = 5
FIRST_REST_SECONDS = 10.0
LONGEST_REST_SECONDS = 160.0


def pause_seconds(attempt: int, attempts: int, wish_seconds: float | None, chance: float) -> float | None:
    """How long to wait after attempt number `attempt` (from 1) failed; None: give up.

    Doubling pauses, the later half of each left to chance (0..1) so that many who failed together do not come back together.
    The server's own wish counts instead if it is bearable.
    """
    if attempt >= attempts:
        return None
    if wish_seconds is not None:
        return wish_seconds if wish_seconds <= LONGEST_PAUSE_SECONDS else None
    longest = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
    return longest * (0.5 + 0.5 * chance)


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """Closed while a server works; open, and nothing is sent, for a while after failures in a row; then half open: one may try."""

    failures: int = 0
    """In a row."""
    rests_until: float | None = None
    """None: closed."""
    rests: int = 0
    """In a row, each twice as long as the one before."""
    trying: bool = False
    """Whether the one who may try is on the way."""


def entered(breaker: Breaker, now: float) -> tuple[Breaker, float | None]:
    """The breaker with one more request under way, and None; or unchanged, and how many seconds to stay away."""
    if breaker.rests_until is None:
        return breaker, None
    if now < breaker.rests_until:
        return breaker, breaker.rests_until - now
    if breaker.trying:
        return breaker, FIRST_REST_SECONDS
    return msgspec.structs.replace(breaker, trying=True), None


def succeeded() -> Breaker:
    """After any answer: the server works."""
    return Breaker()


def failed(breaker: Breaker, now: float) -> Breaker:
    """After a failure of the server's or of the way to it."""
    failures = breaker.failures + 1
    if breaker.rests_until is None and failures < FAILURES_TO_OPEN:
        return msgspec.structs.replace(breaker, failures=failures)
    if breaker.rests_until is not None and now < breaker.rests_until:
        return breaker  # one that set out before the breaker opened
    rest = min(FIRST_REST_SECONDS * 2**breaker.rests, LONGEST_REST_SECONDS)
    return Breaker(failures=failures, rests_until=now + rest, rests=breaker.rests + 1)


def given_up(breaker: Breaker) -> Breaker:
    """After a request whose sender went away: nothing was learnt."""
    return msgspec.structs.replace(breaker, trying=False)
