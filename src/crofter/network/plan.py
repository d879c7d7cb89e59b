"""When a peer is dead, too slow, or not to be asked. Pure: the time is handed in, in seconds of any steady clock."""

from typing import Literal

import msgspec

from crofter.trust import Standing

from .kinds import Who

Mode = Literal["off", "private", "lan", "offline", "public"]
"""Not on the network; among trusted nodes; the same, seen by the local network; nothing beyond the local network; among everybody."""
Layer = Literal["book", "cache", "invites", "exchange", "relays", "mdns", "dht", "gossip"]
"""The ways to learn where nodes are, or to be reached."""

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


_LAYERS: dict[Mode, frozenset[Layer]] = {
    "off": frozenset(),
    "private": frozenset({"book", "cache", "invites", "exchange", "relays"}),
    "lan": frozenset({"book", "cache", "invites", "exchange", "relays", "mdns"}),
    "offline": frozenset({"book", "cache", "invites", "mdns"}),
    "public": frozenset({"book", "cache", "invites", "exchange", "relays", "mdns", "dht", "gossip"}),
}
_MAY: dict[Who, frozenset[Standing]] = {
    "anyone": frozenset({"stranger", "pending", "trusted"}),
    "public": frozenset({"stranger", "pending", "trusted"}),
    "trusted": frozenset({"trusted"}),
}


def may_use(mode: Mode, layer: Layer) -> bool:
    """Whether a node in this mode learns, and lets others learn, in this way."""
    return layer in _LAYERS[mode]


def refusal(mode: Mode, who: Who, standing: Standing, *, near: bool) -> str | None:
    """Why a message of a kind for `who` may not pass between this node and that one, in either direction; None: it may."""
    if mode == "off":
        return "this node is not on the network"
    if standing == "blocked":
        return "the owner has blocked this node"
    if mode == "offline" and not near:
        return "the network mode is `offline`, and this node is not on the local network"
    if who == "public" and mode != "public":
        who = "trusted"
    if standing in _MAY[who]:
        return None
    return "this is between nodes that trust each other only"


FIRST_REDIAL_SECONDS = 0.5
LONGEST_REDIAL_SECONDS = 60.0


def redial_seconds(failures: int, chance: float) -> float:
    """How long to leave a peer alone after so many dials that failed; `chance` in [0, 1) spreads those who lost it together."""
    longest = min(LONGEST_REDIAL_SECONDS, FIRST_REDIAL_SECONDS * 2 ** min(failures - 1, 10))
    return longest * (0.5 + chance / 2)


CROSSING_SECONDS = 5.0


def replaces(*, new_is_newer_by_seconds: float, old_dialled: bool, new_dialled: bool, own_first: bool) -> bool:
    """Whether a new connection with a peer takes the place of an open one for what is asked from now on.

    A peer that comes again may have died in between. But two that dialled each other at the same time agree on one of the two
    connections: that of the node whose id is first in order (`own_first`: this one).
    """
    if old_dialled != new_dialled and new_is_newer_by_seconds < CROSSING_SECONDS:
        return new_dialled == own_first
    return True


IDLE_SECONDS = 120.0
STRANGERS_IDLE_SECONDS = 15.0


def is_idle(unused_seconds: float, standing: Standing, *, dialled: bool) -> bool:
    """Whether a connection nobody uses should go. Who dialled it closes it first, so that the other does not ask on it just then."""
    limit = STRANGERS_IDLE_SECONDS if standing == "stranger" else IDLE_SECONDS
    return unused_seconds >= (limit if dialled else 1.25 * limit)
