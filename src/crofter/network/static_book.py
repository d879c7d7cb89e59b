"""The nodes that the owner wrote into the settings: trusted, and where they are."""

from collections.abc import Sequence
from ipaddress import ip_address

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.trust import parse_node_id, readable_id

from .kinds import Standing
from .transport import PeerAddress

_MOST_ADDRESSES = 16


class StaticBook:
    """An AddressSource, and a standing for each node."""

    def __init__(self, entries: Sequence[str]) -> None:
        """From the setting `network.peers`. Raises CONFIG_INVALID."""
        self._addresses: dict[NodeId, PeerAddress] = {}
        self.update(entries)

    def update(self, entries: Sequence[str]) -> None:
        """What the setting says from now on. Raises CONFIG_INVALID, with nothing changed."""
        self._addresses = dict(map(_parsed, entries))

    def standing(self, node_id: NodeId) -> Standing:
        """Those who are in the book are trusted; all others are strangers."""
        return "trusted" if node_id in self._addresses else "stranger"

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        """See `AddressSource`."""
        return self._addresses.get(node_id)

    def all(self) -> list[PeerAddress]:
        """Everybody who is in it."""
        return list(self._addresses.values())

    def entries_with(self, peer: PeerAddress) -> tuple[str, ...]:
        """The setting with one more node, or with its new addresses."""
        return tuple(map(_entry, (self._addresses | {NodeId(peer.node_id): peer}).values()))


def checked_address(text: str) -> str:
    """`ip:port` or `[ip]:port`. Raises INVALID_REQUEST."""
    host, _, port = text.strip().rpartition(":")
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
        if not 0 < int(port) < 65536:
            raise ValueError(port)
    except ValueError:
        message = f"{text!r} is not an address; write it as 192.0.2.1:7412 or [2001:db8::1]:7412"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="addresses") from None
    return text.strip()


def _parsed(entry: str) -> tuple[NodeId, PeerAddress]:
    id_text, *addresses = entry.split("@")
    try:
        node_id = parse_node_id(id_text)
        if len(addresses) > _MOST_ADDRESSES:
            raise CrofterError(ErrorCode.INVALID_REQUEST, f"a node has at most {_MOST_ADDRESSES} addresses")
        return node_id, PeerAddress(node_id=node_id, addresses=tuple(map(checked_address, addresses)))
    except CrofterError as error:
        message = f"network.peers has an entry that cannot be used: {error.message}"
        raise CrofterError(ErrorCode.CONFIG_INVALID, message, parameter="network.peers") from error


def _entry(peer: PeerAddress) -> str:
    return "@".join((readable_id(NodeId(peer.node_id)), *peer.addresses))
