"""The nodes that this one remembers, in memory and in the store: where they were last, who of them is worth trying first."""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

import anyio
from anyio import to_thread

from crofter.core import CrofterError, NodeId
from crofter.network.records import (
    PeerRecord,
    Reach,
    Refusal,
    SignedRecord,
    accept_record,
    dialable,
    network_of,
    read_record,
)
from crofter.network.transport import PeerAddress
from crofter.store import CachedPeer, PeerRecords

from .plan import CAPACITY, failed, known_until, learned, surplus, worked

_logger = logging.getLogger("crofter.network")

SAVE_SECONDS = 1.0
"""What a crash can cost. Changes come in bursts, and each write waits for the disk."""


class Here(NamedTuple):
    """This node, as far as finding others depends on it."""

    own_id: NodeId
    network: bytes
    """The tag of its network."""
    reach: Callable[[], Reach]
    """Where its packets may go now."""
    is_kept: Callable[[NodeId], bool]
    """Tells the nodes that are never forgotten, such as paired ones."""
    clock: Callable[[], float] = time.time
    """Unix seconds."""


class PeerCache:
    """Bounded, whatever others teach. One event loop uses it; `run` writes what changed."""

    def __init__(self, records: PeerRecords, here: Here, capacity: int = CAPACITY) -> None:
        """Reads what the store has of the nodes of this network, and its tombstones."""
        self._records = records
        self._here = here
        self._capacity = capacity
        ours = (peer for peer in records.all() if not peer.content or network_of(peer.content) == here.network)
        self._peers = {peer.node_id: peer for peer in ours}
        self._unsaved: set[NodeId] = set()
        self._changed = anyio.Event()
        self._online_at: float | None = None

    def learn(self, content: bytes, taught_by: NodeId) -> SignedRecord | Refusal:
        """Take a record that `taught_by` brought, if it is one to be taken."""
        accepted = accept_record(
            content, network=self._here.network, now=self._here.clock(), known_sequence=self._known_sequence
        )
        if not isinstance(accepted, str):
            node_id = accepted.record.node_id
            self._put(learned(self._peers.get(node_id), accepted, taught_by))
        return accepted

    def worked(self, node_id: NodeId, round_trip_ms: float | None = None) -> None:
        """This node was reached at an address known here. It ends a tombstone, and shows that we are online."""
        self._online_at = self._here.clock()
        if (peer := self._living(node_id)) is None:
            self.forget(node_id)
        else:
            self._put(worked(peer, self._online_at, round_trip_ms))

    def failed(self, node_id: NodeId) -> None:
        """Dialling this node came to nothing."""
        if (peer := self._living(node_id)) is not None:
            kept = self._here.is_kept(node_id)
            self._put(failed(peer, self._here.clock(), online_at=self._online_at, kept=kept))

    def forget(self, node_id: NodeId) -> None:
        """As if it had never been heard of."""
        if self._peers.pop(node_id, None) is not None:
            self._mark(node_id)

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        """Where it may be, even if its record has expired: an old address is a hint too. None for who is unknown or dead."""
        record = self.record_of(node_id)
        if record is None:
            return None
        return dialable(record, self._here.reach(), trusted=self._here.is_kept(node_id))

    def record_of(self, node_id: NodeId) -> PeerRecord | None:
        """The newest record of a node that is not dead."""
        peer = self._living(node_id)
        signed = None if peer is None else read_record(peer.content)
        return signed.record if isinstance(signed, SignedRecord) else None

    def candidates(self, most: int) -> list[NodeId]:
        """Whom to try first: those last reached, then strangers with the newest records; who fails goes behind who does not."""
        living = [peer for peer in self._peers.values() if peer.dead_at is None]
        living.sort(key=lambda peer: (peer.last_ok is None, peer.fails, -(peer.last_ok or 0.0), -peer.sequence))
        return [peer.node_id for peer in living[:most]]

    def fresh(self) -> list[CachedPeer]:
        """Those that may be passed on: reached at least once, not failing since, and their records still hold."""
        now = self._here.clock()
        return [
            peer
            for peer in self._peers.values()
            if peer.dead_at is None and peer.last_ok is not None and not peer.fails and peer.expires_at > now
        ]

    def __len__(self) -> int:
        """How many are remembered, tombstones included."""
        return len(self._peers)

    def save(self) -> None:
        """Write what has changed since the last time. Raises STORE_FAILED, DISK_FULL; what was not written stays to be written."""
        saved, forgotten, marked = self._take_unsaved()
        self._write(saved, forgotten, marked)

    async def run(self) -> None:
        """Write changes, at most once a second, until cancelled, and once more then."""
        try:
            while True:
                await self._changed.wait()
                await anyio.sleep(SAVE_SECONDS)
                await self._save_apart()
        finally:
            self.save()

    async def _save_apart(self) -> None:
        saved, forgotten, marked = self._take_unsaved()
        try:
            await to_thread.run_sync(self._write, saved, forgotten, marked)
        except CrofterError as error:  # The network goes on with what it has in memory; the next change tries again.
            _logger.warning("The nodes heard of could not be saved: %s", error.message)

    def _take_unsaved(self) -> tuple[list[CachedPeer], list[NodeId], set[NodeId]]:
        marked, self._unsaved, self._changed = self._unsaved, set(), anyio.Event()
        saved = [self._peers[node_id] for node_id in marked if node_id in self._peers]
        return saved, [node_id for node_id in marked if node_id not in self._peers], marked

    def _write(self, saved: list[CachedPeer], forgotten: list[NodeId], marked: set[NodeId]) -> None:
        if not marked:
            return
        try:
            self._records.change(saved, forgotten)
        except BaseException:
            self._unsaved |= marked
            raise

    def _known_sequence(self, node_id: NodeId) -> int | None:
        # Our own record comes back to us from others: nothing is newer than what we say ourselves.
        return 1 << 60 if node_id == self._here.own_id else known_until(self._peers.get(node_id))

    def _living(self, node_id: NodeId) -> CachedPeer | None:
        peer = self._peers.get(node_id)
        return None if peer is None or peer.dead_at is not None else peer

    def _put(self, peer: CachedPeer) -> None:
        self._peers[peer.node_id] = peer
        self._mark(peer.node_id)
        if len(self._peers) > self._capacity:
            kept = {node_id for node_id in self._peers if self._here.is_kept(node_id)}
            for node_id in surplus(self._peers.values(), kept, self._capacity):
                self.forget(node_id)

    def _mark(self, node_id: NodeId) -> None:
        self._unsaved.add(node_id)
        self._changed.set()
