"""Which backend answers. A pure decision: what is known in, the choice and its reason out."""

from collections.abc import Sequence

import msgspec

from crofter.core import RADII, CrofterError, ErrorCode, Intent, Radius, Way, nearest, reaches

from .settings import RouterSettings


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The way chosen, by its place among those there are, and why."""

    index: int
    reason: str


def choose(ways: Sequence[Way], intent: Intent, settings: RouterSettings) -> Choice:
    """The nearest way that the request, its sender's key and the node's owner permit; among equals the first.

    Raises FORBIDDEN, saying who could permit more, if they permit none; UNSUPPORTED if there is none at all.
    """
    if not ways:
        raise CrofterError(ErrorCode.UNSUPPORTED, "this node has no engine for this model; run `crofter doctor`")
    wanted = intent.radius or settings.radius
    allowed = nearest(wanted, intent.limit, settings.ceiling)
    permitted = [(RADII.index(way.radius), index) for index, way in enumerate(ways) if reaches(allowed, way.radius)]
    if not permitted:
        way = min(ways, key=lambda way: RADII.index(way.radius))
        raise CrofterError(
            ErrorCode.FORBIDDEN,
            f"this model runs on {', '.join(way.ran_on)}, which is {way.radius}, and this request may travel"
            f" {allowed} only: {_advice(way.radius, intent.limit, settings.ceiling)}",
            parameter="x-crofter-radius",
        )
    _, index = min(permitted)
    return Choice(index=index, reason=_reason(ways[index], len(permitted), len(ways)))


def _advice(needed: Radius, limit: Radius, ceiling: Radius) -> str:
    if not reaches(ceiling, needed):
        return f"the owner of this node lets nothing travel further than router.ceiling, {ceiling}"
    if not reaches(limit, needed):
        return f"its API key allows {limit} at most"
    return (
        f"send the header `x-crofter-radius: {needed}` (`--radius {needed}` on the command line), or allow it to every"
        f" request that says nothing: crofter config set router.radius {needed}"
    )


def _reason(chosen: Way, permitted: int, total: int) -> str:
    if total == 1:
        return f"{chosen.backend} is the only way to run this model"
    return f"{chosen.backend} is the nearest ({chosen.radius}) of {permitted} permitted ways, {total} known"
