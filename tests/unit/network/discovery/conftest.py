"""Nodes by number, the records they sign, and a cache whose clock the test turns."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from crofter.core import NodeId
from crofter.network import PeerRecord, SignedRecord, network_tag, sign_record
from crofter.network.discovery import Here, PeerCache
from crofter.store import Database, PeerRecords
from crofter.trust import Identity
from tests.fakes import Clock

NOW = 1_800_000_000.0
TAG = network_tag(b"our secret")


@lru_cache(maxsize=10_000)
def identity(number: int) -> Identity:
    return Identity(number.to_bytes(32))


def node(number: int) -> NodeId:
    return identity(number).node_id


def signed(number: int, at: float = NOW, lifetime_seconds: float = 3600, tag: bytes = TAG) -> SignedRecord:
    record = PeerRecord(
        node_id=node(number),
        sequence=int(at * 1000),
        expires_at=int(at + lifetime_seconds),
        network=tag,
        addresses=(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:4433", "127.0.0.1:4433"),
    )
    return sign_record(identity(number), record)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def store(tmp_path: Path) -> PeerRecords:
    return PeerRecords(Database.open(tmp_path / "node.db", bytes(32)))


MakeCache = Callable[..., PeerCache]


@pytest.fixture
def make_cache(store: PeerRecords, clock: Clock) -> MakeCache:
    def make(capacity: int = 100, kept: frozenset[NodeId] = frozenset()) -> PeerCache:
        return PeerCache(store, Here(node(999), TAG, lambda: "lan", kept.__contains__, clock), capacity)

    return make
