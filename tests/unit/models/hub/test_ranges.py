from hypothesis import given
from hypothesis import strategies as st

from crofter.models.hub.ranges import Stretches, merged, missing, total

RANGES = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)))


@given(RANGES)
def test_done_and_missing_are_every_byte_once(ranges: list[tuple[int, int]]) -> None:
    there = {byte for start, stop in ranges for byte in range(start, stop)}
    assert {byte for start, stop in merged(ranges) for byte in range(start, stop)} == there
    assert total(merged(ranges)) == len(there)
    gaps = {byte for start, stop in missing(ranges, 200) for byte in range(start, stop)}
    assert gaps == set(range(200)) - there


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000))), st.integers(1, 16), st.integers(1, 300))
def test_stretches_hand_out_every_missing_byte_once(
    gaps: list[tuple[int, int]], connections: int, smallest: int
) -> None:
    stretches = Stretches(gaps, connections, smallest, 4 * smallest)
    taken: list[tuple[int, int]] = []
    while (piece := stretches.take()) is not None:
        taken.append(piece)
    assert merged(taken) == merged(gaps)
    assert total(taken) == total(merged(gaps))


def test_pieces_shrink_towards_the_end_and_leave_no_crumbs() -> None:
    stretches = Stretches([(0, 1000)], 4, 10, 100)
    sizes = [piece[1] - piece[0] for piece in iter(stretches.take, None)]
    assert sizes[0] == 100
    assert sizes == sorted(sizes, reverse=True) or min(sizes[:-1]) >= 10
    assert min(sizes) >= 5
    assert Stretches([(0, 12)], 4, 10, 100).take() == (0, 12)


def test_what_is_given_back_is_handed_out_again() -> None:
    stretches = Stretches([(0, 100)], 1, 10, 50)
    assert stretches.take() == (0, 50)
    stretches.give_back((20, 50))
    assert stretches.take() == (20, 60)
