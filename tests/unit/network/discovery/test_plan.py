"""What is remembered and what goes, decided without a clock."""

from hypothesis import given
from hypothesis import strategies as st

from crofter.core import NodeId
from crofter.network.discovery.plan import FAILS_OF_PROVEN, FAILS_OF_STRANGERS, ONLINE_SECONDS, failed, surplus
from crofter.store import CachedPeer
from tests.unit.network.discovery.conftest import NOW


def peer(
    number: int, *, taught_by: int = 0, last_ok: float | None = None, sequence: int = 0, dead_at: float | None = None
) -> CachedPeer:
    return CachedPeer(
        node_id=NodeId(number.to_bytes(32)),
        content=b"",
        sequence=sequence,
        expires_at=0,
        taught_by=NodeId(taught_by.to_bytes(32)),
        last_ok=last_ok,
        dead_at=dead_at,
    )


def numbers(gone: list[NodeId]) -> set[int]:
    return {int.from_bytes(node_id) for node_id in gone}


def fails_until_dead(known: CachedPeer, *, kept: bool = False, online_at: float | None = NOW) -> int | None:
    for attempt in range(1, 100):
        known = failed(known, NOW, online_at=online_at, kept=kept)
        if known.dead_at is not None:
            assert known.content == b""
            return attempt
    return None


def test_who_was_once_reached_is_given_more_patience_and_who_is_kept_all_of_it() -> None:
    assert fails_until_dead(peer(1)) == FAILS_OF_STRANGERS < FAILS_OF_PROVEN == fails_until_dead(peer(1, last_ok=1.0))
    assert fails_until_dead(peer(1), kept=True) is None


def test_nobody_dies_while_our_own_network_may_be_down() -> None:
    assert fails_until_dead(peer(1), online_at=None) is None
    assert fails_until_dead(peer(1), online_at=NOW - ONLINE_SECONDS - 1) is None


def test_a_flood_displaces_itself() -> None:
    quiet = [peer(number, taught_by=number, sequence=number) for number in range(1, 41)]
    flood = [peer(number, taught_by=9_999, sequence=10**6 + number) for number in range(1_000, 1_090)]
    gone = numbers(surplus([*quiet, *flood], frozenset(), 100))
    assert gone == set(range(1_000, 1_000 + 30 + 6))  # the excess, and room for some more; its oldest first


def test_strangers_go_before_proven_nodes_and_tombstones_beyond_their_share_before_both() -> None:
    proven = [peer(number, last_ok=float(number)) for number in range(10)]
    strangers = [peer(number, sequence=number) for number in range(100, 104)]
    dead = [peer(number, dead_at=float(number)) for number in range(200, 206)]
    everyone = [*proven, *strangers, *dead]
    assert numbers(surplus(everyone, frozenset(), 20)) == set()
    assert numbers(surplus(everyone, frozenset(), 19)) == {200, 201}
    assert numbers(surplus(everyone, frozenset(), 16)) == {200, 201, 100, 101, 102}
    assert numbers(surplus(everyone, frozenset(), 8)) == {200, 201, 202, 203, 100, 101, 102, 103, 0, 1, 2, 3}


_peers = st.lists(
    st.builds(
        peer,
        st.integers(1, 60),
        taught_by=st.integers(0, 3),
        last_ok=st.none() | st.floats(0, 100),
        sequence=st.integers(0, 100),
        dead_at=st.none() | st.none() | st.floats(0, 100),
    ),
    unique_by=lambda each: each.node_id,
)


@given(_peers, st.frozensets(st.integers(1, 60)), st.integers(1, 40))
def test_the_rest_fits_and_nobody_kept_goes(peers: list[CachedPeer], kept: frozenset[int], capacity: int) -> None:
    kept_ids = {NodeId(number.to_bytes(32)) for number in kept}
    gone = set(surplus(peers, kept_ids, capacity))
    assert not gone & kept_ids
    rest = [each for each in peers if each.node_id not in gone]
    free_living = [each for each in rest if each.node_id not in kept_ids and each.dead_at is None]
    assert len(rest) <= capacity or not free_living
    if any(each.last_ok is not None and each.dead_at is None for each in peers if each.node_id in gone):
        assert all(each.last_ok is not None for each in free_living)
