"""Which layers go to which node: a pure decision over sizes, speeds and distances.

The time of a token over a route is the sum of what each stage reads of its weights, and a one-way trip for each hop and back to
the requester: TPOT = sum(bytes_i / rate_i) + sum(hops) + k * overhead. One stage more is always a hop more, so that the fewest
stages that hold the model are looked for first, and the fastest of those is taken.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import combinations, islice, pairwise, permutations
from math import inf

import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId, shown_size

_HOP_SECONDS = 0.0015
"""What a hop costs beside the line: measured, see docs/benchmarks.md."""
_MOST_ORDERS = 720
_MOST_CANDIDATES = 10
"""Of the nodes, those with the most memory: all their subsets are looked at."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A node that could hold a stage."""

    node_id: NodeId
    memory_bytes: int
    """For one stage, all it takes."""
    read_bytes_per_second: float
    one_way_seconds: float
    """To and from the requester; 0: it is the requester."""
    trusts: frozenset[NodeId] = frozenset()
    """Whom of the others it takes rows from and gives them to; the requester, and whoever is a candidate, trust each other."""

    @property
    def is_requester(self) -> bool:
        """Whether no line leads there."""
        return self.one_way_seconds == 0.0


class PlannedStage(msgspec.Struct, frozen=True, kw_only=True):
    """Layers `[start, stop)` at a node."""

    node_id: NodeId
    start: int
    stop: int
    need_bytes: int
    seconds_per_token: float
    """What it computes, without the line."""


class HeldStage(msgspec.Struct, frozen=True, kw_only=True):
    """Layers that a node holds ready."""

    node: "Candidate"
    start: int
    stop: int


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model goes, first layers first."""

    stages: tuple[PlannedStage, ...]
    seconds_per_token: float
    """About, with the lines."""


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """The model as far as placing it needs."""

    count: int
    """To be placed: without those that the ends keep."""
    cuts: tuple[int, ...]
    """Before which layers it may be cut, ascending, without the ends."""
    weight_bytes: tuple[int, ...]
    """Of each layer."""
    need_bytes: Callable[[int, int], int]
    """What a stage of layers [start, stop) takes of memory, all in all; grows with the range."""
    private: int = 0
    """So many of the first ones stay at the requester."""


def place(layers: Layers, candidates: Sequence[Candidate]) -> Placement:
    """The fastest placement of those with the fewest stages.

    Raises OUT_OF_MEMORY, with what is missing, if all candidates together cannot hold the model.
    """
    able = sorted(
        candidates, key=lambda each: (layers.private > 0 and each.is_requester, each.memory_bytes), reverse=True
    )[:_MOST_CANDIDATES]
    for count in range(1, len(able) + 1):
        orders = (
            _in_order(chosen)
            for chosen in combinations(able, count)
            if not layers.private or any(each.is_requester for each in chosen)
        )
        found = [plan for order in orders if order and (plan := _fastest(layers, order))]
        if found:
            return min(found, key=lambda plan: plan.seconds_per_token)
    needed = layers.need_bytes(0, layers.count)
    have = sum(candidate.memory_bytes for candidate in candidates)
    apart = any(not may_pass(one, other) for one, other in combinations(able, 2))
    advice = (
        "pair those with each other that are not" if apart and have >= needed else "pair with more (`crofter pair`)"
    )
    raise CrofterError(
        ErrorCode.OUT_OF_MEMORY,
        f"all {layers.count} layers need {shown_size(needed)} or more, and {len(candidates)} nodes offer"
        f" {shown_size(have)} together: {advice}, or let them share more (`crofter share`)",
        retry_after_seconds=10.0,
    )


def reused(layers: Layers, held: Sequence[HeldStage]) -> Placement | None:
    """The way through stages that are held already, with the fewest of them, and the fastest of those; None if there is none.

    Each node has one stage at most: two at one node would be one larger. The requester's memory has to do for its ends as well.
    """
    held = [stage for stage in held if not stage.node.is_requester or _has_room(layers, stage)]
    best: dict[int, list[HeldStage]] = {0: []}
    for _ in range(len(held)):
        longer: dict[int, list[HeldStage]] = {}
        for end, before in best.items():
            for stage in held:
                if stage.start == end and _may_follow(stage, before) and _keeps(layers, stage):
                    way = [*before, stage]
                    if stage.stop not in longer or _seconds(layers, way) < _seconds(layers, longer[stage.stop]):
                        longer[stage.stop] = way
        if layers.count in longer:
            return _placed_at(layers, longer[layers.count])
        if not longer:
            return None
        best = longer
    return None


def _may_follow(stage: HeldStage, before: Sequence[HeldStage]) -> bool:
    if any(stage.node.node_id == other.node.node_id for other in before):
        return False
    return not before or may_pass(before[-1].node, stage.node)


def _keeps(layers: Layers, stage: HeldStage) -> bool:
    """Whether no layer that is to stay at the requester would be elsewhere."""
    return stage.start >= layers.private or (stage.node.is_requester and stage.stop >= layers.private)


def _has_room(layers: Layers, stage: HeldStage) -> bool:
    return layers.need_bytes(stage.start, stage.stop) <= stage.node.memory_bytes


def _seconds(layers: Layers, way: Sequence[HeldStage]) -> float:
    return _placed_at(layers, way).seconds_per_token


def _placed_at(layers: Layers, way: Sequence[HeldStage]) -> Placement:
    stages = tuple(
        PlannedStage(
            node_id=stage.node.node_id,
            start=stage.start,
            stop=stage.stop,
            need_bytes=layers.need_bytes(stage.start, stage.stop),
            seconds_per_token=sum(layers.weight_bytes[stage.start : stage.stop]) / stage.node.read_bytes_per_second,
        )
        for stage in way
    )
    computing = sum(stage.seconds_per_token for stage in stages)
    return Placement(stages=stages, seconds_per_token=computing + _line_seconds([stage.node for stage in way]))


def may_pass(one: Candidate, other: Candidate) -> bool:
    """Whether rows may go from one to the other: both have to know and trust each other."""
    if one.is_requester or other.is_requester:
        return True
    return other.node_id in one.trusts and one.node_id in other.trusts


def _in_order(chosen: Sequence[Candidate]) -> Sequence[Candidate] | None:
    """The requester first, as the rows begin there; then the near before the far, so that lines are short one after another.

    Where neighbours would not trust each other, another order in which all do; None if there is none.
    """
    first = [each for each in chosen if each.is_requester]
    others = sorted(
        (each for each in chosen if not each.is_requester), key=lambda each: (each.one_way_seconds, each.node_id)
    )
    orders = islice(permutations(others), _MOST_ORDERS)
    return next(
        ([*first, *order] for order in orders if all(may_pass(one, other) for one, other in pairwise(order))), None
    )


def _fastest(layers: Layers, nodes: Sequence[Candidate]) -> Placement | None:
    """The division among these nodes, in this order, that computes fastest; None if it does not fit.

    Dynamic programming over the legal cuts: best[j] is the least time of the first stages up to cut j.
    """
    cuts = (0, *layers.cuts, layers.count)
    weights = [0, *_accumulated(layers.weight_bytes)]
    best: list[float] = [0.0, *(inf for _ in cuts[1:])]
    chosen: list[list[int]] = []
    for node in nodes:
        fits_from = [
            bisect_left(range(end), True, key=lambda start, end=end: _fits(layers, cuts, start, end, node))
            for end in range(len(cuts))
        ]
        following = [inf] * len(cuts)
        origins = [-1] * len(cuts)
        for end in range(1, len(cuts)):
            for start in range(fits_from[end], end):
                seconds = best[start] + (weights[cuts[end]] - weights[cuts[start]]) / node.read_bytes_per_second
                if seconds < following[end]:
                    following[end], origins[end] = seconds, start
        best = following
        chosen.append(origins)
    if best[-1] == inf:
        return None
    return _placement(layers, nodes, cuts, weights, chosen)


def _fits(layers: Layers, cuts: Sequence[int], start: int, end: int, node: Candidate) -> bool:
    if cuts[start] < layers.private and not (node.is_requester and cuts[end] >= layers.private):
        return False
    return layers.need_bytes(cuts[start], cuts[end]) <= node.memory_bytes


def _placement(
    layers: Layers,
    nodes: Sequence[Candidate],
    cuts: Sequence[int],
    weights: Sequence[int],
    chosen: Sequence[Sequence[int]],
) -> Placement:
    stages: list[PlannedStage] = []
    end = len(cuts) - 1
    for node, origins in zip(reversed(nodes), reversed(chosen), strict=True):
        start = origins[end]
        stage = PlannedStage(
            node_id=node.node_id,
            start=cuts[start],
            stop=cuts[end],
            need_bytes=layers.need_bytes(cuts[start], cuts[end]),
            seconds_per_token=(weights[cuts[end]] - weights[cuts[start]]) / node.read_bytes_per_second,
        )
        stages.insert(0, stage)
        end = start
    lines = _line_seconds(nodes)
    computing = sum(stage.seconds_per_token for stage in stages)
    return Placement(stages=tuple(stages), seconds_per_token=computing + lines)


def _line_seconds(nodes: Sequence[Candidate]) -> float:
    """From the requester along the nodes and back. How far two peers are from each other is not known here: as far as the farther
    is from the requester."""
    stops = [0.0, *(node.one_way_seconds for node in nodes), 0.0]
    remote = sum(not node.is_requester for node in nodes)
    return sum(max(one, other) for one, other in pairwise(stops)) + remote * _HOP_SECONDS


def _accumulated(sizes: Sequence[int]) -> list[int]:
    sums: list[int] = []
    total = 0
    for size in sizes:
        total += size
        sums.append(total)
    return sums
