"""What a node remembers of others survives whatever ends it, and is not for others to fill or to poison."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import PeerAddress, SignedRecord
from crofter.network.discovery import Here, PeerCache
from crofter.network.discovery import cache as cache_module
from crofter.network.discovery.plan import FAILS_OF_STRANGERS
from crofter.store import CachedPeer, Database, PeerRecords
from tests.fakes import Clock
from tests.unit.network.discovery.conftest import NOW, TAG, MakeCache, node, signed

TEACHER = node(500)


def test_a_record_tells_where_its_node_is(make_cache: MakeCache) -> None:
    cache = make_cache()
    assert isinstance(cache.learn(signed(1).content, TEACHER), SignedRecord)
    assert cache.addresses_of(node(1)) == PeerAddress(node_id=node(1), addresses=("10.0.0.1:4433",))
    assert cache.record_of(node(1)) == signed(1).record
    assert cache.addresses_of(node(2)) is None


def test_only_newer_records_are_taken_and_ours_from_nobody(make_cache: MakeCache) -> None:
    cache = make_cache()
    cache.learn(signed(1).content, TEACHER)
    assert cache.learn(signed(1).content, node(1)) == "not newer"
    assert cache.learn(signed(1, at=NOW - 1).content, node(1)) == "not newer"
    assert isinstance(cache.learn(signed(1, at=NOW + 1).content, TEACHER), SignedRecord)
    assert cache.learn(signed(999).content, TEACHER) == "not newer"


def test_a_dead_node_is_not_taught_again_until_it_shows_life(make_cache: MakeCache, clock: Clock) -> None:
    cache = make_cache()
    cache.learn(signed(1).content, TEACHER)
    cache.worked(node(2))  # another connection shows that we are online
    clock.now += 60
    for _ in range(FAILS_OF_STRANGERS):
        cache.failed(node(1))
    assert cache.addresses_of(node(1)) is None
    assert cache.candidates(10) == []
    assert cache.learn(signed(1, at=NOW + 59).content, TEACHER) == "not newer"
    clock.now += 60
    assert isinstance(cache.learn(signed(1, at=NOW + 61).content, TEACHER), SignedRecord)
    assert cache.candidates(10) == [node(1)]


def test_a_node_given_up_that_is_reached_all_the_same_is_alive(make_cache: MakeCache, clock: Clock) -> None:
    cache = make_cache()
    cache.learn(signed(1).content, TEACHER)
    cache.worked(node(2))
    for _ in range(FAILS_OF_STRANGERS):
        cache.failed(node(1))
    cache.worked(node(1))
    assert isinstance(cache.learn(signed(1).content, node(1)), SignedRecord)


def test_those_reached_last_are_tried_first(make_cache: MakeCache, clock: Clock) -> None:
    cache = make_cache()
    for number in (1, 2, 3, 4):
        cache.learn(signed(number, at=NOW + number).content, TEACHER)
    cache.worked(node(1), round_trip_ms=20.0)
    clock.now += 1
    cache.worked(node(2))
    assert cache.candidates(3) == [node(2), node(1), node(4)]
    cache.failed(node(2))
    assert cache.candidates(3) == [node(1), node(2), node(4)]


def test_only_what_holds_and_was_reached_is_passed_on(make_cache: MakeCache, clock: Clock) -> None:
    cache = make_cache()
    cache.learn(signed(1, lifetime_seconds=100).content, TEACHER)
    cache.learn(signed(2).content, TEACHER)
    cache.worked(node(1))
    assert [peer.node_id for peer in cache.fresh()] == [node(1)]
    cache.failed(node(1))
    assert cache.fresh() == []
    cache.worked(node(1))
    clock.now += 100
    assert cache.fresh() == []
    assert cache.addresses_of(node(1)) is not None  # for ourselves an old address is still a hint


def test_a_flood_of_records_stays_within_bounds_and_spares_who_is_kept_or_proven(make_cache: MakeCache) -> None:
    cache = make_cache(capacity=32, kept=frozenset([node(1)]))
    for number in (1, 2, 3):
        cache.learn(signed(number).content, node(number))
    cache.worked(node(2))
    for number in range(1_000, 1_200):
        cache.learn(signed(number, at=NOW + 60).content, TEACHER)
        assert len(cache) <= 32
    assert all(cache.addresses_of(node(number)) for number in (1, 2, 3))


def test_what_was_saved_is_there_after_a_restart(make_cache: MakeCache) -> None:
    cache = make_cache()
    cache.learn(signed(1).content, TEACHER)
    cache.learn(signed(2).content, TEACHER)
    cache.worked(node(2), round_trip_ms=12.5)
    cache.save()
    cache.forget(node(1))
    cache.save()
    again = make_cache()
    assert again.candidates(10) == [node(2)]
    assert again.learn(signed(2).content, TEACHER) == "not newer"


class Slip(PeerRecords):
    """Says when it was asked to write, and can find the disk full."""

    full = False

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked = threading.Event()

    def change(self, saved: Iterable[CachedPeer], forgotten: Iterable[NodeId]) -> None:
        try:
            if self.full:
                raise CrofterError(ErrorCode.DISK_FULL, "full")
            super().change(saved, forgotten)
        finally:
            self.asked.set()

    async def written(self) -> int:
        assert await to_thread.run_sync(self.asked.wait, 10)
        self.asked.clear()
        return len(self.all())


@pytest.mark.anyio
async def test_changes_are_written_soon_and_a_full_disk_costs_nothing_but_the_saving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "SAVE_SECONDS", 0.0)
    slip = Slip(Database.open(tmp_path / "node.db", bytes(32)))
    cache = PeerCache(slip, Here(node(999), TAG, lambda: "lan", lambda _: False, lambda: NOW))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cache.run)
        cache.learn(signed(1).content, TEACHER)
        assert await slip.written() == 1
        slip.full = True
        cache.learn(signed(2).content, TEACHER)
        assert await slip.written() == 1
        slip.full = False
        cache.learn(signed(3).content, TEACHER)
        assert await slip.written() == 3
        cache.learn(signed(4).content, TEACHER)
        tasks.cancel_scope.cancel()
    assert len(slip.all()) == 4


KILLED = """
import sys
from pathlib import Path
from crofter.network.discovery import Here, PeerCache
from crofter.store import Database, PeerRecords
from tests.fakes import Clock
from tests.unit.network.discovery.conftest import NOW, TAG, node, signed
here = Here(node(999), TAG, lambda: "lan", lambda _: False, lambda: NOW)
cache = PeerCache(PeerRecords(Database.open(Path(sys.argv[1]), bytes(32))), here)
for number in range(1, 10_000):
    cache.learn(signed(number).content, node(number))
    cache.save()
    print(number, flush=True)
"""


def test_what_was_saved_survives_a_kill_in_the_middle_of_writing(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
    saved = {peer.node_id for peer in PeerRecords(Database.open(path, bytes(32))).all()}
    assert [line.strip() for line in said] == [str(number) for number in range(1, 21)]
    assert {node(number) for number in range(1, 21)} <= saved
