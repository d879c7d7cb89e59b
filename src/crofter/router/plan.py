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

    One with an obstacle is taken only where there is no other: whoever runs it then says what is in the way.

    Raises FORBIDDEN, saying who could permit more, if they permit none, or none that can be gone; UNSUPPORTED if there is none at all.
    """
    if not ways:
        raise CrofterError(ErrorCode.UNSUPPORTED, "this node has no engine for this model; run `crofter doctor`")
    wanted = intent.radius or settings.radius
    allowed = nearest(wanted, intent.limit, settings.ceiling)
    readers = nearest(allowed, intent.readers or allowed)
    permitted = [index for index, way in enumerate(ways) if _permits(way, allowed, readers)]
    best = min(permitted, key=lambda index: _rank(ways[index], index), default=None)
    if best is None or ways[best].obstacle:
        elsewhere = [way for way in ways if not way.obstacle and not _permits(way, allowed, readers)]
        if elsewhere or best is None:
            way = min(elsewhere or ways, key=lambda way: RADII.index(way.radius))
            here = f"{ways[best].obstacle}; elsewhere " if best is not None else ""
            raise _forbidden(way, here, intent, settings, allowed, readers)
    return Choice(index=best, reason=_reason(ways[best], len(permitted), len(ways)))


def _permits(way: Way, allowed: Radius, readers: Radius) -> bool:
    return reaches(allowed, way.radius) and reaches(readers, way.readers or way.radius)


def _rank(way: Way, index: int) -> tuple[bool, int, int]:
    return bool(way.obstacle), RADII.index(way.radius), index


def _forbidden(
    way: Way, here: str, intent: Intent, settings: RouterSettings, allowed: Radius, readers: Radius
) -> CrofterError:
    runs = f"{here}this model runs on {', '.join(way.ran_on)}, which"
    if reaches(allowed, way.radius):
        return CrofterError(
            ErrorCode.FORBIDDEN,
            f"{runs} would read the prompt, and this request lets {readers} nodes read it only: send the header"
            f" `x-crofter-readers: {way.readers or way.radius}`, or leave it out",
            parameter="x-crofter-readers",
        )
    return CrofterError(
        ErrorCode.FORBIDDEN,
        f"{runs} is {way.radius}, and this request may travel {allowed} only:"
        f" {_advice(way.radius, intent.limit, settings.ceiling)}",
        parameter="x-crofter-radius",
    )


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
