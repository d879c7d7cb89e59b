"""Nodes so small that a model fits on none of them, and on all together: a pure decision over the model's sizes."""

import math
from bisect import bisect_left

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelFile, NodeId, shown_size
from crofter.engine import EngineSettings, Machine, judge
from crofter.models import Header

from .needs import SPARE_SHARE, PartNeeds, part_needs
from .placement import Candidate, Placement, place

_CONTEXTS_TOKENS = (2048, 1024, 512, 256)
"""The longest first: caches of parts are larger than that of the whole, and must not be what decides."""
_STEPS = 48
"""Between the ends and the whole; each costs a plan."""


class TrialLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What each of the nodes gets."""

    context_tokens: int
    limit_bytes: int
    """For models."""
    share_bytes: int
    """For layers of others."""
    whole_bytes: int
    """What the model takes at least, with that context."""
    stages: int
    """Over how many nodes its layers go."""


def trial_limits(file: ModelFile, header: Header, settings: EngineSettings, node_count: int) -> TrialLimits:
    """The least memory with which so many equal nodes hold the model together, and none of them alone.

    Raises UNSUPPORTED for a model that cannot be cut, and for one whose parts take as much as the whole.
    """
    whole_bytes = 0
    for asked_tokens in _CONTEXTS_TOKENS:
        context_tokens = min(asked_tokens, file.context_length)
        whole_bytes = _whole_bytes(file, msgspec.structs.replace(settings, context_tokens=context_tokens))
        needs = part_needs(file, header, context_tokens, settings.parallel_requests)
        step = max(1, (whole_bytes - needs.ends_bytes) // _STEPS)
        limits = range(needs.ends_bytes, whole_bytes, step)
        found = bisect_left(limits, True, key=lambda limit: _placed(needs, limit, node_count) is not None)
        # One step more than is just enough.
        if found + 1 >= len(limits):
            continue
        limit = limits[found + 1]
        placement = _placed(needs, limit, node_count)
        if placement is not None:
            return TrialLimits(
                context_tokens=context_tokens,
                limit_bytes=limit,
                share_bytes=_share_bytes(limit),
                whole_bytes=whole_bytes,
                stages=len(placement.stages),
            )
    raise CrofterError(
        ErrorCode.UNSUPPORTED,
        f"{file.name} is too small to be worth dividing among {node_count} nodes: its parts take as much memory as the whole"
        f" ({shown_size(whole_bytes)}). Try another number of --nodes, or a larger model.",
        parameter="model",
    )


def _whole_bytes(file: ModelFile, settings: EngineSettings) -> int:
    """The least that the engine would load the whole model with."""
    return judge(
        file, Machine(physical_cores=1, total_bytes=0, available_bytes=0), settings, None
    ).need.host.total_bytes


def _share_bytes(limit_bytes: int) -> int:
    """So that a planner, who leaves a part of it free, counts on all of the limit: it is no real machine's."""
    return math.ceil(limit_bytes / SPARE_SHARE) + 1


def _placed(needs: PartNeeds, limit_bytes: int, node_count: int) -> Placement | None:
    """As the first of the nodes would plan it."""
    asking_id, *helping_ids = (NodeId(bytes([number])) for number in range(node_count))
    asking = Candidate(
        node_id=asking_id,
        memory_bytes=int(SPARE_SHARE * (limit_bytes - needs.ends_bytes)),
        read_bytes_per_second=1.0,
        one_way_seconds=0.0,
    )
    helping = [
        Candidate(
            node_id=node_id,
            memory_bytes=int(SPARE_SHARE * _share_bytes(limit_bytes)),
            read_bytes_per_second=1.0,
            one_way_seconds=1.0,
            trusts=frozenset(helping_ids),
        )
        for node_id in helping_ids
    ]
    try:
        return place(needs.layers, [asking, *helping])
    except CrofterError as error:
        if error.code is not ErrorCode.OUT_OF_MEMORY:
            raise
        return None
