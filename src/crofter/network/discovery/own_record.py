"""What this node says of itself to those who look for it: its record, signed anew when it has changed or grows old."""

from collections.abc import Callable
from typing import NamedTuple

from crofter.network.addresses import host_of, is_dialable
from crofter.network.protocol import OwnNetwork
from crofter.network.records import (
    LIFETIME_SECONDS,
    MAXIMUM_ADDRESSES,
    SKEW_SECONDS,
    PeerRecord,
    SignedRecord,
    sign_record,
)
from crofter.trust import Identity

RENEW_SECONDS = 6 * 3600


class _Said(NamedTuple):
    network: bytes
    addresses: tuple[str, ...]
    relay_url: str | None


class OwnRecord:
    """Signs when asked, and only then."""

    def __init__(
        self,
        identity: Identity,
        network: OwnNetwork,
        addresses: Callable[[], tuple[str, ...]],
        relay_url: Callable[[], str | None],
        clock: Callable[[], float],
    ) -> None:
        """What each says now: the network it is in; where it can be dialled, best first; its relay; the time in Unix seconds."""
        self.identity = identity
        self.network = network
        self._addresses = addresses
        self._relay_url = relay_url
        self._clock = clock
        self._signed: SignedRecord | None = None

    def content(self) -> bytes:
        """The signed record as it travels; empty while this node can be dialled nowhere.

        Raises ValueError if the relay's address is none.
        """
        said = _Said(self.network.tag(), _told(self._addresses()), self._relay_url())
        now = self._clock()
        if not said.addresses and said.relay_url is None:
            return b""
        if self._signed is None or _is_outdated(self._signed.record, said, now):
            record = PeerRecord(
                node_id=self.identity.node_id,
                sequence=self._next_sequence(now),
                expires_at=int(now) + LIFETIME_SECONDS,
                network=said.network,
                addresses=said.addresses,
                relay_url=said.relay_url,
            )
            self._signed = sign_record(self.identity, record)
        return self._signed.content

    def _next_sequence(self, now: float) -> int:
        """The time, but past the one before. A clock that was far ahead and put right is followed: nobody took those records."""
        milliseconds = int(now * 1000)
        following = self._signed.record.sequence + 1 if self._signed else 0
        return following if milliseconds < following <= milliseconds + SKEW_SECONDS * 1000 else milliseconds


def _told(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Where others can dial; this machine's loopback only if it has nothing else."""
    dialable = [address for address in dict.fromkeys(addresses) if is_dialable(address)]
    beyond = [address for address in dialable if not host_of(address).is_loopback]
    return tuple((beyond or dialable)[:MAXIMUM_ADDRESSES])


def _is_outdated(record: PeerRecord, said: _Said, now: float) -> bool:
    age_seconds = now - record.sequence / 1000
    is_same = (record.network, record.addresses, record.relay_url) == said
    return not (is_same and -SKEW_SECONDS <= age_seconds < RENEW_SECONDS)
