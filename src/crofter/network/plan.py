"""When a peer is dead, and when it is too slow. Pure: the time is handed in, in seconds of any steady clock."""

from typing import Literal

import msgspec

BEAT_SECONDS = 1.0
DEAD_SECONDS = 3.5
"""Silence on a connection in use after which the peer is given up; QUIC itself takes 30 s."""
STALL_SECONDS = 0.5
"""Waking up later than this means that this node stood still (asleep, or busy), and may not blame the peer."""

FRAME_SECONDS = 20.0
SLOWEST_BYTES_PER_SECOND = 16 * 1024


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a peer while its connection is in use."""

    heard_at: float
    beat_at: float
    """When to send the next beat."""

    @property
    def wake_at(self) -> float:
        """When something has to be decided again."""
        return min(self.beat_at, self.heard_at + DEAD_SECONDS)


def begun(now: float) -> Pulse:
    """From now on the connection is in use."""
    return Pulse(heard_at=now, beat_at=now)


def heard(pulse: Pulse, now: float) -> Pulse:
    """Something came from the peer."""
    return msgspec.structs.replace(pulse, heard_at=now)


def woken(pulse: Pulse, now: float) -> tuple[Pulse, Literal["beat", "dead", "wait"]]:
    """What to do now. A node that stood still itself grants one more beat: the answers may lie unread."""
    if now - pulse.wake_at > STALL_SECONDS:
        pulse = heard(pulse, max(pulse.heard_at, now + BEAT_SECONDS - DEAD_SECONDS))
    if now >= pulse.heard_at + DEAD_SECONDS:
        return pulse, "dead"
    if now >= pulse.beat_at:
        return msgspec.structs.replace(pulse, beat_at=now + BEAT_SECONDS), "beat"
    return pulse, "wait"


def frame_seconds(size_bytes: int) -> float:
    """How long a frame may take from its first byte to its last: for the slowest line that is of any use."""
    return FRAME_SECONDS + size_bytes / SLOWEST_BYTES_PER_SECOND
