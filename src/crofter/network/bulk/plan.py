"""How many bytes of a bulk stream may be under way. Pure: times and round trips are handed in, in seconds of any steady clock.

QUIC sends what is urgent first, but what it has sent already is not overtaken, and it sends until the queue before the narrowest part
of the line is full. So the window follows the round trip: one that is longer than the shortest seen lately has a queue in it. The step
is that of FAST TCP (Wei, Jin, Low, Hegde 2006), `window * (shortest + target) / round trip`; target and memory are as in LEDBAT (RFC 6817).
"""

from math import inf

import msgspec

from crofter.core import CrofterError, ErrorCode

TARGET_SECONDS = 0.005
"""The queue that bulk may make."""
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


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one stream's sending."""

    size_bytes: float = SMALLEST_BYTES
    sent_bytes: int = 0
    taken_bytes: int = 0
    held_back: bool = False
    """Whether the sender had to wait since the last look: a window that is not used up says nothing about the line, and does not grow."""
    starting: bool = True
    """It doubles in each round trip until the first queue shows."""
    shortest_seconds: float = inf
    """The shortest round trip of this memory, and of the one before."""
    shortest_before_seconds: float = inf
    forget_at: float = -inf
    look_at: float = -inf
    """When the round trip is to be looked at again."""
    drained_looks: int = 0
    """For how many looks the window is kept smaller than it is."""

    @property
    def limit_bytes(self) -> int:
        """How much may be under way now."""
        share = _DRAINED_SHARE if self.drained_looks else 1.0
        return max(SMALLEST_BYTES, int(self.size_bytes * share))

    def may_send(self, wanted_bytes: int) -> int:
        """How much of it may go now; 0 while that would be a crumb."""
        room = self.limit_bytes - (self.sent_bytes - self.taken_bytes)
        return min(room, wanted_bytes) if room >= min(wanted_bytes, CRUMB_BYTES) else 0


def sent(window: Window, size_bytes: int) -> Window:
    """So much more is under way."""
    return msgspec.structs.replace(window, sent_bytes=window.sent_bytes + size_bytes)


def held_back(window: Window) -> Window:
    """There was more to send than it lets through."""
    return msgspec.structs.replace(window, held_back=True)


def taken(window: Window, taken_bytes: int) -> Window:
    """The receiver has taken so much since the beginning. Raises PEER_FAILED if that is not more than before, or was never sent."""
    if not window.taken_bytes < taken_bytes <= window.sent_bytes:
        raise CrofterError(ErrorCode.PEER_FAILED, "the peer acknowledges what was not sent to it")
    size_bytes = window.size_bytes
    if window.starting and window.held_back:
        size_bytes = _bounded(size_bytes + taken_bytes - window.taken_bytes)
    return msgspec.structs.replace(window, taken_bytes=taken_bytes, size_bytes=size_bytes)


def is_due(untold_bytes: int, seconds: float) -> bool:
    """Whether the receiver says what it has taken, which is so much more than `seconds` ago, when it last said so."""
    least_bytes = CRUMB_BYTES if seconds >= _ACKNOWLEDGED_SECONDS else _ACKNOWLEDGED_BYTES
    return untold_bytes >= least_bytes


def looked(window: Window, round_trip_seconds: float, now: float) -> Window:
    """The line's round trip is this at `look_at` or later."""
    round_trip_seconds = max(round_trip_seconds, _LEAST_SECONDS)
    drained = window.drained_looks > 0
    window = _remembering(window, round_trip_seconds, now)
    shortest = min(window.shortest_seconds, window.shortest_before_seconds)
    starting = window.starting and round_trip_seconds - shortest < TARGET_SECONDS / 2
    step = min(_LONGEST_STEP, max(_SHORTEST_STEP, (shortest + TARGET_SECONDS) / round_trip_seconds))
    size_bytes = window.size_bytes
    if not starting and not drained and (step < 1 or window.held_back):
        size_bytes = _bounded(size_bytes * step)
    return msgspec.structs.replace(
        window,
        size_bytes=size_bytes,
        starting=starting,
        held_back=False,
        look_at=now + max(round_trip_seconds, _LOOK_SECONDS),
    )


def rerouted(window: Window) -> Window:
    """The line takes another way, of which nothing is known."""
    return msgspec.structs.replace(
        window, starting=True, shortest_seconds=inf, shortest_before_seconds=inf, look_at=-inf
    )  # fmt: skip


def _remembering(window: Window, round_trip_seconds: float, now: float) -> Window:
    if now < window.forget_at:
        return msgspec.structs.replace(
            window,
            shortest_seconds=min(window.shortest_seconds, round_trip_seconds),
            drained_looks=max(0, window.drained_looks - 1),
        )
    return msgspec.structs.replace(
        window,
        shortest_seconds=round_trip_seconds,
        shortest_before_seconds=window.shortest_seconds,
        forget_at=now + _MEMORY_SECONDS,
        drained_looks=0 if window.starting else _DRAINED_LOOKS,
    )


def _bounded(size_bytes: float) -> float:
    return min(LARGEST_BYTES, max(SMALLEST_BYTES, size_bytes))
