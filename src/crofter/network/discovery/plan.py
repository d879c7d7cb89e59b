"""What is worth remembering of other nodes, when one is dead, and when to ask one again. Pure: times are in seconds and handed in."""

from collections import Counter
from collections.abc import Collection

import msgspec

from crofter.core import NodeId
from crofter.network.addresses import Reach, host_of
from crofter.network.plan import Mode
from crofter.network.records import SignedRecord
from crofter.store import CachedPeer

CAPACITY = 2_000
"""How many nodes are remembered, dead ones included; a record is about 250 bytes and at most 1 KiB."""
_ROOM_MADE = 16
"""One in so many goes when the cache is full, so that not every newcomer looks for its victim."""
_TOMBSTONES = 4
"""One in so many may be a tombstone."""
FAILS_OF_STRANGERS = 3
FAILS_OF_PROVEN = 10
ONLINE_SECONDS = 600.0
"""For so long after any connection worked, one that fails is the other's failing and not our network's."""


def learned(known: CachedPeer | None, signed: SignedRecord, taught_by: NodeId) -> CachedPeer:
    """What is known after a newer record. It ends a tombstone, since its node lived to sign it, but proves nothing anew."""
    record = signed.record
    peer = CachedPeer(
        node_id=record.node_id,
        content=signed.content,
        sequence=record.sequence,
        expires_at=record.expires_at,
        taught_by=taught_by,
    )
    if known is None or known.dead_at is not None:
        return peer
    return msgspec.structs.replace(peer, last_ok=known.last_ok, fails=known.fails, round_trip_ms=known.round_trip_ms)


def known_until(known: CachedPeer | None) -> int | None:
    """The sequence that a newer record must exceed: its own, and for a dead node the moment of its death."""
    if known is None:
        return None
    return known.sequence if known.dead_at is None else max(known.sequence, int(known.dead_at * 1000))


def worked(known: CachedPeer, now: float, round_trip_ms: float | None) -> CachedPeer:
    """A connection to it was made."""
    round_trip = known.round_trip_ms if round_trip_ms is None else round_trip_ms
    return msgspec.structs.replace(known, last_ok=now, fails=0, round_trip_ms=round_trip)


def failed(known: CachedPeer, now: float, *, online_at: float | None, kept: bool) -> CachedPeer:
    """An attempt came to nothing. After some it is a tombstone, else others would teach it again and again.

    `online_at` is when any connection last worked: without one it may be our own network that is down. What is `kept` never dies.
    """
    if online_at is None or now - online_at > ONLINE_SECONDS:
        return known
    fails = known.fails + 1
    if kept or fails < (FAILS_OF_STRANGERS if known.last_ok is None else FAILS_OF_PROVEN):
        return msgspec.structs.replace(known, fails=fails)
    return msgspec.structs.replace(known, content=b"", fails=fails, dead_at=now)


def surplus(peers: Collection[CachedPeer], kept: Collection[NodeId], capacity: int) -> list[NodeId]:
    """Who is forgotten when there are more than `capacity`. Nobody who is kept; strangers before those who were reached.

    First the oldest tombstones beyond their share. Among strangers whoever taught the most loses, its oldest record first, so that a
    flood displaces itself; among those who were reached, whoever was so the longest ago.
    """
    if len(peers) <= capacity:
        return []
    free = [peer for peer in peers if peer.node_id not in kept]
    dead = sorted((peer for peer in free if peer.dead_at is not None), key=lambda peer: peer.dead_at or 0.0)
    strangers = [peer for peer in free if peer.dead_at is None and peer.last_ok is None]
    proven = sorted(
        (peer for peer in free if peer.dead_at is None and peer.last_ok is not None), key=lambda p: p.last_ok or 0.0
    )
    going = [*dead[: max(0, len(dead) - capacity // _TOMBSTONES)], *_crowded_first(strangers), *proven]
    return [peer.node_id for peer in going[: len(peers) - capacity + capacity // _ROOM_MADE]]


def _crowded_first(strangers: list[CachedPeer]) -> list[CachedPeer]:
    """In the order of going: each record counts how many newer ones its teacher has here, and the most crowded goes first."""
    newer: Counter[NodeId] = Counter()
    ranked: list[tuple[int, int, CachedPeer]] = []
    for peer in sorted(strangers, key=lambda peer: peer.sequence, reverse=True):
        newer[peer.taught_by] += 1
        ranked.append((-newer[peer.taught_by], peer.sequence, peer))
    return [peer for *_, peer in sorted(ranked, key=lambda entry: entry[:2])]


ASK_EVERY_SECONDS = 600.0
FIRST_RETRY_SECONDS = 20.0


class Asked(msgspec.Struct, frozen=True):
    """How asking a node for others went the last time."""

    at: float
    fails: int = 0
    """How often in a row it could not be asked."""


def is_due(asked: Asked | None, now: float, since: float) -> bool:
    """Whether to ask a node now: never asked, not for ten minutes, or not `since` it connected or what we say of ourselves changed.

    Who could not be asked is tried again after 20 s, doubling to ten minutes.
    """
    if asked is None or asked.at < since:
        return True
    wait = FIRST_RETRY_SECONDS * 2 ** min(asked.fails - 1, 10) if asked.fails else ASK_EVERY_SECONDS
    return now - asked.at >= min(wait, ASK_EVERY_SECONDS)


def reach_of(mode: Mode, own_addresses: Collection[str]) -> Reach:
    """How far packets may go: one that listens on this machine only reaches nothing else, and one that is `offline` nothing beyond
    its local network."""
    if all(host_of(address).is_loopback for address in own_addresses):
        return "machine"
    return "lan" if mode == "offline" else "internet"
