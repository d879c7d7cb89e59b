"""How far a request may travel."""

from typing import Literal

import msgspec

Radius = Literal["local", "trusted", "public"]
"""This node; paired nodes and pool members; anyone who passes the request's filters."""
RADII: tuple[Radius, ...] = ("local", "trusted", "public")
"""Nearest first."""


def reaches(allowed: Radius, wanted: Radius) -> bool:
    """Whether something at the distance `wanted` is within `allowed`."""
    return RADII.index(wanted) <= RADII.index(allowed)


def nearest(*radii: Radius) -> Radius:
    """The one that allows least."""
    return min(radii, key=RADII.index)


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks of the network, or forbids it."""

    radius: Radius | None = None
    """How far the prompt may travel; None: as the node's settings say."""
    readers: Radius | None = None
    """Who may read it there; None: whoever it may travel to. Nearer than `radius`: others get hidden states at most."""
    limit: Radius = "public"
    """The furthest that whoever asks may have it travel."""
