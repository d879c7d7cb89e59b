"""How others can reach this node, from what observers see of it. Pure. An observer may lie, so nothing follows from the word of one
but an address to try, and only if it could be true."""

from collections import defaultdict
from typing import Literal

import msgspec

from .addresses import Ip, host_of, is_dialable

NatKind = Literal["unknown", "open", "mapped", "symmetric"]
"""Not known yet; seen under its own address; seen by all under one that is not its own, so that others can come the same way; seen under
a new address by each, so that nobody else can."""

AGREEING = 2
"""Observers on different hosts that have to see the same."""
_MOST_ANNOUNCED = 4


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """An observer's answer."""

    observer: str
    """`ip:port` where it was asked."""
    seen: str
    """`ip:port` where the question came from, as it says."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What follows."""

    kind: NatKind = "unknown"
    seen: tuple[str, ...] = ()
    """The plausible addresses, those that most observers see first."""
    announce: tuple[str, ...] = ()
    """Those that others should try, beside the node's own."""
    observers: int = 0
    """How many hosts were asked that said something plausible."""


def judged(sightings: list[Sighting], own: tuple[str, ...]) -> Verdict:
    """Put together what observers say; `own` are the addresses that this machine has itself.

    IPv4 and IPv6 are judged apart, and the kind is that of IPv4 if anything is known of it: IPv6 has no NAT to speak of.
    """
    seen_by: dict[str, set[Ip]] = defaultdict(set)
    for sighting in filter(is_plausible, sightings):
        seen_by[sighting.seen].add(host_of(sighting.observer))
    kind: NatKind = "unknown"
    announce: list[str] = []
    for version in (6, 4):
        family = {seen: hosts for seen, hosts in seen_by.items() if host_of(seen).version == version}
        if not family:
            continue
        kind, trusted = _kind(family, own)
        announce = trusted + announce
    order = sorted(seen_by, key=lambda seen: -len(seen_by[seen]))
    return Verdict(
        kind=kind,
        seen=tuple(order),
        announce=tuple(announce[:_MOST_ANNOUNCED]),
        observers=len(set[Ip]().union(*seen_by.values())),
    )


def explained(verdict: Verdict, *, relay: str | None) -> tuple[str, str]:
    """The same in plain words, and what its owner can do about it; empty if nothing. `relay` is the one that is connected."""
    seen = ", ".join(verdict.seen)
    if verdict.kind == "open":
        return f"others see this node under its own address ({seen})", ""
    if verdict.kind == "mapped":
        return f"behind a router that others can come through ({seen})", ""
    if verdict.kind == "symmetric":
        finding = f"behind a router that shows each of them another address (symmetric NAT: {seen})"
        if relay:
            return finding, "forward this node's UDP port on the router, and nodes like it need no relay to reach it"
        return finding, "nodes like it reach this one through a relay only: set network.relays, or forward its UDP port"
    if verdict.observers:
        return f"seen as {seen} by {verdict.observers}", "two observers on different machines tell what the router does"
    return (
        "nobody has said yet under which address this node is seen",
        "add the relay of somebody you trust to network.relays: beside it is an observer",
    )


def is_plausible(sighting: Sighting) -> bool:
    """Whether it can be true: whoever is asked at a public address sees a public one, and on a private network a private one.

    So nobody makes this node name an address inside its own home, or its home one of the internet's.
    """
    if not is_dialable(sighting.observer) or not is_dialable(sighting.seen):
        return False
    observer, seen = host_of(sighting.observer), host_of(sighting.seen)
    return observer.version == seen.version and _scope(observer) == _scope(seen)


def _kind(family: dict[str, set[Ip]], own: tuple[str, ...]) -> tuple[NatKind, list[str]]:
    """For one family: the kind, and what to announce."""
    agreed = [seen for seen, hosts in family.items() if len(hosts) >= AGREEING]
    hosts = set[Ip]().union(*family.values())
    foreign = [seen for seen in agreed or family if seen not in own]
    if not foreign:
        return "open", []  # one is enough: an observer has no other way to make our own address plausible
    if agreed:
        return "mapped", foreign
    if len(hosts) < AGREEING or len(foreign) < len(family):
        return "unknown", foreign
    return "symmetric", []


def _scope(ip: Ip) -> str:
    if ip.is_loopback:
        return "machine"
    if ip.is_link_local:
        return "link"
    return "internet" if ip.is_global else "private"
