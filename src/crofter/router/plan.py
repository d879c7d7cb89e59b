"""Which backend answers. A pure decision: what is known in, the choice and its reason out."""

from collections.abc import Sequence

import msgspec

from crofter.core import RADII, CrofterError, ErrorCode, Radius, reaches


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One way a request could run."""

    backend: str
    radius: Radius
    """How far the prompt travels this way."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The way chosen, by its place among the candidates, and why."""

    index: int
    reason: str


def choose(candidates: Sequence[Candidate], allowed: Radius) -> Choice:
    """The nearest candidate that `allowed` permits; among equals the first.

    Raises FORBIDDEN if the radius permits none, UNSUPPORTED if there is none at all.
    """
    if not candidates:
        raise CrofterError(ErrorCode.UNSUPPORTED, "this node has no engine; run `crofter doctor`")
    permitted = [
        (RADII.index(candidate.radius), index)
        for index, candidate in enumerate(candidates)
        if reaches(allowed, candidate.radius)
    ]
    if not permitted:
        raise CrofterError(ErrorCode.FORBIDDEN, f"nothing within the radius {allowed!r} can run this model")
    _, index = min(permitted)
    return Choice(index=index, reason=_reason(candidates[index], len(permitted), len(candidates)))


def _reason(chosen: Candidate, permitted: int, total: int) -> str:
    if total == 1:
        return f"{chosen.backend} is the only way to run this model"
    return f"{chosen.backend} is the nearest ({chosen.radius}) of {permitted} permitted ways, {total} known"
