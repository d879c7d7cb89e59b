"""Where nodes are, as far as anybody here knows: asked before each dial, and told how it went."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId

from .addresses import is_near
from .rules import Rules
from .transport import PeerAddress


class AddressSource(Protocol):
    """Something that may know where a node is."""

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        """Where it may be; None if it is not known here."""
        ...


class Seeker(AddressSource, Protocol):
    """A source that can ask others too, and learns from how dials go."""

    async def seek(self, node_id: NodeId) -> None:
        """Look for a node that no source knows; then all are asked again. Raises nothing."""
        ...

    def dialled(self, node_id: NodeId, *, reached: bool) -> None:
        """How it went."""
        ...


class Directory:
    """All sources together."""

    def __init__(
        self,
        rules: Rules,
        sources: Sequence[AddressSource],
        relay: Callable[[str | None], str | None] = lambda url: url,
    ) -> None:
        """`relay` is told a node's own, if that is known, and says which to use."""
        self._relay = relay
        self._rules = rules
        self._sources = list(sources)
        self._seeker: Seeker | None = None

    def seek_with(self, seeker: Seeker) -> None:
        """One more source, and the one that asks others."""
        self._sources.append(seeker)
        self._seeker = seeker

    async def find(self, node_id: NodeId) -> PeerAddress:
        """Where to dial. Raises PEER_UNREACHABLE if nobody knows, or the mode allows none of it."""
        peer = self._known(node_id)
        if _is_nowhere(peer) and self._seeker is not None:
            await self._seeker.seek(node_id)
            peer = self._known(node_id)
        if self._rules.mode != "offline":
            peer = msgspec.structs.replace(peer, relay_url=self._relay(peer.relay_url))
        if _is_nowhere(peer):
            raise CrofterError(ErrorCode.PEER_UNREACHABLE, "no address of this node is known that may be used now")
        return peer

    def dialled(self, node_id: NodeId, *, reached: bool) -> None:
        """How it went."""
        if self._seeker is not None:
            self._seeker.dialled(node_id, reached=reached)

    def _known(self, node_id: NodeId) -> PeerAddress:
        found = [address for source in self._sources if (address := source.addresses_of(node_id)) is not None]
        addresses = tuple(dict.fromkeys(text for each in found for text in each.addresses))
        relay_url = next((each.relay_url for each in found if each.relay_url), None)
        if self._rules.mode == "offline":
            addresses, relay_url = tuple(filter(is_near, addresses)), None
        return PeerAddress(node_id=node_id, addresses=addresses, relay_url=relay_url)


def _is_nowhere(peer: PeerAddress) -> bool:
    return not peer.addresses and peer.relay_url is None
