"""How many bytes of a bulk stream may be under way. Pure: times and round trips are handed in, in seconds of any steady clock.

QUIC sends what is urgent first, but what it has sent already is not overtaken, and it sends until the queue before the narrowest part
of the line is full. So the window follows the round trip: one that is longer than the shortest seen lately has a queue in it. The step
is that of FAST TCP (Wei, Jin, Low, Hegde 2006), `window * (shortest + target) / round trip`; target and memory are as in LEDBAT (RFC 6817).
"""

from math import inf

import msgspec

from crofter.core import CrofterError, ErrorCode

TARGET_SECONDS = 0.005
TARGET_SHARE = 0.1
"""The queue that bulk may make: so long, or this share of the shortest round trip on lines where that is more."""
SMALLEST_BYTES = 16 * 1024
LARGEST_BYTES = 2 * 1024 * 1024
"""More than QUIC itself lets a stream have under way."""
CRUMB_BYTES = 2 * 1024
"""Less than this is neither sent nor acknowledged by itself, and is a short queue on every line."""
_ACKNOWLEDGED_BYTES = 8 * 1024
"""The receiver may keep less to itself; no more than half of the smallest window, else each side might wait for the other."""
_ACKNOWLEDGED_SECONDS = 0.004
"""A slow line has acknowledgements for less: what goes out at once is a queue."""

_LONGEST_STEP, _SHORTEST_STEP = 2.0, 0.5
_LOOK_SECONDS = 0.005
_MEMORY_SECONDS = 10.0
_DRAINED_SHARE = 0.25
"""Of the window, for a moment each time a memory begins: else the own queue would pass for the line's own delay."""
_DRAINED_LOOKS = 2
_LEAST_SECONDS = 1e-4
"""Round trips come in whole milliseconds; 0 is below one."""


class Shortest(msgspec.Struct, frozen=True):
    """The shortest of times that were measured since the last memory but one began."""

    now_seconds: float = inf
    before_seconds: float = inf

    @property
    def seconds(self) -> float:
        """Infinite if nothing was."""
        return min(self.now_seconds, self.before_seconds)

    def noted(self, seconds: float, *, anew: bool) -> "Shortest":
        """One more was measured; `anew`: a new memory begins with it."""
        if anew:
            return Shortest(seconds, self.now_seconds)
        return Shortest(min(self.now_seconds, seconds), self.before_seconds)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one stream's sending."""

    size_bytes: float = SMALLEST_BYTES
    sent_bytes: int = 0
    taken_bytes: int = 0
    held_back: bool = False
    """Whether the sender had to wait since the last look: a window that is not used up says nothing about the line, and does not grow."""
    starting: bool = True
    """It doubles in each round trip until the first queue shows."""
    marked_bytes: int = 0
    """The end of something that is under way, or nothing is marked; and when it was sent."""
    marked_at: float = 0.0
    answered_seconds: float = inf
    """The shortest time from a mark to its acknowledgement, since the last look."""
    line: Shortest = Shortest()
    ends: Shortest = Shortest()
    """Of round trips on the line; of times from a mark to its acknowledgement."""
    forget_at: float = -inf
    look_at: float = -inf
    """When the round trip is to be looked at again, if a mark has been acknowledged meanwhile."""
    drained_looks: int = 0
    """For how many looks the window is kept smaller than it is."""

    def wants_look(self, now: float) -> bool:
        """Whether there is something to learn from the line's round trip."""
        return now >= self.look_at and self.answered_seconds < inf

    @property
    def limit_bytes(self) -> int:
        """How much may be under way now."""
        share = _DRAINED_SHARE if self.drained_looks else 1.0
        return max(SMALLEST_BYTES, int(self.size_bytes * share))

    def may_send(self, wanted_bytes: int) -> int:
        """How much of it may go now; 0 while that would be a crumb."""
        room = self.limit_bytes - (self.sent_bytes - self.taken_bytes)
        return min(room, wanted_bytes) if room >= min(wanted_bytes, CRUMB_BYTES) else 0


def sent(window: Window, size_bytes: int, now: float) -> Window:
    """So much more is under way."""
    sent_bytes = window.sent_bytes + size_bytes
    if window.marked_bytes > window.taken_bytes:
        return msgspec.structs.replace(window, sent_bytes=sent_bytes)
    return msgspec.structs.replace(window, sent_bytes=sent_bytes, marked_bytes=sent_bytes, marked_at=now)


def held_back(window: Window) -> Window:
    """There was more to send than it lets through."""
    return msgspec.structs.replace(window, held_back=True)


def taken(window: Window, taken_bytes: int, now: float) -> Window:
    """The receiver has taken so much since the beginning. Raises PEER_FAILED if that is not more than before, or was never sent."""
    if not window.taken_bytes < taken_bytes <= window.sent_bytes:
        raise CrofterError(ErrorCode.PEER_FAILED, "the peer acknowledges nothing new, or what was not sent")
    size_bytes, answered_seconds = window.size_bytes, window.answered_seconds
    if window.starting and window.held_back:
        size_bytes = _bounded(size_bytes + taken_bytes - window.taken_bytes)
    if window.taken_bytes < window.marked_bytes <= taken_bytes:
        answered_seconds = min(answered_seconds, max(now - window.marked_at, _LEAST_SECONDS))
    return msgspec.structs.replace(
        window, taken_bytes=taken_bytes, size_bytes=size_bytes, answered_seconds=answered_seconds
    )


def is_due(untold_bytes: int, seconds: float) -> bool:
    """Whether the receiver says what it has taken, which is so much more than `seconds` ago, when it last said so."""
    least_bytes = CRUMB_BYTES if seconds >= _ACKNOWLEDGED_SECONDS else _ACKNOWLEDGED_BYTES
    return untold_bytes >= least_bytes


def looked(window: Window, round_trip_seconds: float, now: float) -> Window:
    """The line's round trip is this, when a look was wanted."""
    round_trip_seconds = max(round_trip_seconds, _LEAST_SECONDS)
    anew = now >= window.forget_at
    line = window.line.noted(round_trip_seconds, anew=anew)
    ends = window.ends.noted(window.answered_seconds, anew=anew)
    target_seconds = max(TARGET_SECONDS, TARGET_SHARE * line.seconds)
    step = (line.seconds + target_seconds) / round_trip_seconds
    if window.held_back:
        step = min(step, (2 * ends.seconds + target_seconds) / window.answered_seconds)
    queued = round_trip_seconds - line.seconds >= target_seconds / 2 or step < 1
    size_bytes = window.size_bytes
    if (queued or not window.starting) and not window.drained_looks and (step < 1 or window.held_back):
        size_bytes = _bounded(size_bytes * min(_LONGEST_STEP, max(_SHORTEST_STEP, step)))
    drained_looks = _DRAINED_LOOKS if anew and not window.starting else max(0, window.drained_looks - 1)
    return msgspec.structs.replace(
        window,
        size_bytes=size_bytes,
        starting=window.starting and not queued,
        held_back=False,
        answered_seconds=inf,
        line=line,
        ends=ends,
        forget_at=now + _MEMORY_SECONDS if anew else window.forget_at,
        # What a smaller window does is seen only when the larger one's bytes are through.
        look_at=now + max((2 if step < 1 else 1) * round_trip_seconds, _LOOK_SECONDS),
        drained_looks=drained_looks,
    )


def rerouted(window: Window) -> Window:
    """The line takes another way, of which nothing is known."""
    return msgspec.structs.replace(
        window,
        starting=True,
        marked_bytes=0,
        answered_seconds=inf,
        line=Shortest(),
        ends=Shortest(),
        look_at=-inf,
    )


def _bounded(size_bytes: float) -> float:
    return min(LARGEST_BYTES, max(SMALLEST_BYTES, size_bytes))
