"""Which layers go where."""

from collections.abc import Sequence
from itertools import combinations_with_replacement, pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.cluster.placement import Candidate, HeldStage, Layers, Placement, place, reused
from crofter.core import CrofterError, ErrorCode, NodeId

LAYER, STAGE = 100, 30
"""Bytes of each layer, and of whatever a stage takes beside its layers."""


def layers(count: int, cuts: tuple[int, ...] | None = None) -> Layers:
    return Layers(
        count=count,
        cuts=tuple(range(1, count)) if cuts is None else cuts,
        weight_bytes=(LAYER,) * count,
        need_bytes=lambda start, stop: STAGE + LAYER * (stop - start),
    )


def id_of(number: int) -> NodeId:
    return NodeId(bytes([number]) * 32)


EVERYBODY = frozenset(id_of(number) for number in range(10))


def node(
    number: int, room: int, *, speed: float = 1e6, far: float = 0.001, trusts: Sequence[int] | None = None
) -> Candidate:
    """With room for so many layers."""
    return Candidate(
        node_id=id_of(number),
        memory_bytes=STAGE + LAYER * room,
        read_bytes_per_second=speed,
        one_way_seconds=far,
        trusts=EVERYBODY if trusts is None else frozenset(id_of(each) for each in trusts),
    )


def ranges(plan: Placement) -> list[tuple[int, int, int]]:
    return [(stage.node_id[0], stage.start, stage.stop) for stage in plan.stages]


def test_private_layers_stay_at_the_requester_whoever_is_faster() -> None:
    here, other = node(0, 4, far=0.0), node(1, 9, speed=1e9)
    model = msgspec.structs.replace(layers(10), private=2)
    assert ranges(place(model, [here, other])) == [(0, 0, 2), (1, 2, 10)]
    stages = [HeldStage(node=other, start=0, stop=10), HeldStage(node=here, start=0, stop=1)]
    stages += [HeldStage(node=other, start=1, stop=10), HeldStage(node=other, start=3, stop=10)]
    assert reused(model, stages) is None
    found = reused(model, [*stages, HeldStage(node=here, start=0, stop=3)])
    assert found is not None
    assert ranges(found) == [(0, 0, 3), (1, 3, 10)]
    with pytest.raises(CrofterError):
        place(model, [node(0, 1, far=0.0), other])


def test_what_fits_on_one_node_is_never_divided() -> None:
    assert ranges(place(layers(8), [node(1, 4), node(2, 8, speed=1e3), node(3, 4)])) == [(2, 0, 8)]


def test_no_more_nodes_are_taken_than_are_needed() -> None:
    plan = place(layers(12), [node(1, 6), node(2, 6), node(3, 5, speed=1e9), node(4, 4, speed=1e9)])
    assert len(plan.stages) == 2


def test_the_fastest_gets_as_many_layers_as_it_has_room_for() -> None:
    plan = place(layers(10), [node(1, 8, speed=1e6), node(2, 6, speed=1e7)])
    assert {stage.node_id[0]: stage.stop - stage.start for stage in plan.stages} == {1: 4, 2: 6}


def test_the_requester_comes_first_and_the_far_last() -> None:
    plan = place(layers(12), [node(1, 4, far=0.05), node(2, 4, far=0.01), node(3, 4, far=0.0)])
    assert [stage.node_id[0] for stage in plan.stages] == [3, 2, 1]


def held(one: Candidate, start: int, stop: int) -> HeldStage:
    return HeldStage(node=one, start=start, stop=stop)


def test_stages_that_are_held_are_gone_through_with_the_fewest_hops() -> None:
    one, two, three = (node(number, 8) for number in (1, 2, 3))
    stages = [held(one, 0, 2), held(two, 2, 8), held(three, 2, 4), held(one, 4, 8), held(three, 0, 4)]
    plan = reused(layers(8), stages)
    assert plan is not None
    assert ranges(plan) in ([(1, 0, 2), (2, 2, 8)], [(3, 0, 4), (1, 4, 8)])


def test_held_stages_that_leave_a_gap_are_no_way() -> None:
    assert reused(layers(8), [held(node(1, 8), 0, 4), held(node(2, 8), 5, 8)]) is None
    assert reused(layers(8), []) is None


def test_one_node_is_not_gone_through_twice() -> None:
    assert reused(layers(8), [held(node(1, 8), 0, 4), held(node(1, 8), 4, 8)]) is None


def test_a_requester_whose_ends_leave_no_room_for_its_stage_goes_another_way() -> None:
    full = node(1, 2, far=0.0)
    assert reused(layers(8), [held(full, 0, 4), held(node(2, 8), 4, 8)]) is None


def test_rows_pass_only_between_nodes_that_trust_each_other() -> None:
    star = [node(1, 4, far=0.001, trusts=[3]), node(2, 4, far=0.002, trusts=[3]), node(3, 4, far=0.003)]
    assert [number for number, _, _ in ranges(place(layers(12), star))] == [1, 3, 2]
    apart = [node(1, 4, trusts=[]), node(2, 8)]
    with pytest.raises(CrofterError, match="pair those with each other"):
        place(layers(12), apart)
    assert reused(layers(12), [held(apart[0], 0, 4), held(apart[1], 4, 12)]) is None
    assert len(place(layers(12), [node(1, 4, far=0.0, trusts=[]), node(2, 8, trusts=[])]).stages) == 2


def test_only_legal_cuts_are_made() -> None:
    plan = place(layers(12, cuts=(4, 8)), [node(1, 7), node(2, 7), node(3, 4)])
    assert {(stage.start, stage.stop) for stage in plan.stages} == {(0, 4), (4, 8), (8, 12)}


def test_what_nobody_can_hold_is_refused_with_what_is_missing() -> None:
    with pytest.raises(CrofterError) as caught:
        place(layers(12), [node(1, 4), node(2, 4)])
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
    assert "2 nodes offer" in caught.value.message


def test_with_no_node_at_all_it_is_refused_too() -> None:
    with pytest.raises(CrofterError):
        place(layers(2), [])


@given(
    count=st.integers(2, 7),
    rooms=st.lists(st.integers(1, 5), min_size=2, max_size=3),
    speeds=st.lists(st.sampled_from([1e5, 1e6, 3e6]), min_size=3, max_size=3),
)
def test_no_division_among_the_same_nodes_is_faster(count: int, rooms: list[int], speeds: list[float]) -> None:
    nodes = [node(number, room, speed=speeds[number]) for number, room in enumerate(rooms)]
    try:
        plan = place(layers(count), nodes)
    except CrofterError:
        assert sum(rooms) < count
        return
    taken = [next(each for each in nodes if each.node_id == stage.node_id) for stage in plan.stages]
    assert [stage.start for stage in plan.stages] == [0, *(stage.stop for stage in plan.stages[:-1])]
    assert plan.stages[-1].stop == count
    assert all(stage.need_bytes <= each.memory_bytes for stage, each in zip(plan.stages, taken, strict=True))
    seconds = sum(stage.seconds_per_token for stage in plan.stages)
    for inner in combinations_with_replacement(range(1, count), len(taken) - 1):
        bounds = (0, *inner, count)
        sizes = [stop - start for start, stop in pairwise(bounds)]
        if 0 in sizes or any(STAGE + LAYER * size > each.memory_bytes for size, each in zip(sizes, taken, strict=True)):
            continue
        other = sum(LAYER * size / each.read_bytes_per_second for size, each in zip(sizes, taken, strict=True))
        assert seconds <= other + 1e-12
