from pathlib import Path

import pytest

from crofter.core import NodeId
from crofter.store import CachedPeer, Database, PeerRecords


@pytest.fixture
def records(tmp_path: Path) -> PeerRecords:
    return PeerRecords(Database.open(tmp_path / "node.db", bytes(32)))


def peer(number: int, last_ok: float | None = None, sequence: int = 1) -> CachedPeer:
    node_id = NodeId(bytes([number]) * 32)
    return CachedPeer(
        node_id=node_id, content=b"record", sequence=sequence, expires_at=9, taught_by=node_id, last_ok=last_ok
    )


def test_those_reached_last_come_first_then_strangers_with_the_newest_records(records: PeerRecords) -> None:
    peers = [peer(1), peer(2, last_ok=5.0), peer(3, sequence=7), peer(4, last_ok=6.5)]
    records.change(peers, [])
    assert [each.node_id[0] for each in records.all()] == [4, 2, 3, 1]
    assert sorted(records.all(), key=lambda each: each.node_id) == peers


def test_a_changed_node_takes_its_own_place_and_a_forgotten_one_leaves_it(records: PeerRecords) -> None:
    records.change([peer(1), peer(2)], [])
    records.change([peer(1, last_ok=3.0)], [peer(2).node_id])
    assert records.all() == [peer(1, last_ok=3.0)]
