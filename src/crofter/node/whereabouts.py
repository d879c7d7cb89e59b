"""Where owners said that nodes are, when they paired with them."""

from collections.abc import Sequence

from crofter.core import NodeId
from crofter.network import PeerAddress, checked_address
from crofter.trust import People


class Whereabouts:
    """An AddressSource: what the book of people has, and what was said in this run of nodes that are not in it yet."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._said: dict[NodeId, PeerAddress] = {}

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        """See `AddressSource`."""
        if said := self._said.get(node_id):
            return said
        person = self._people.get(node_id)
        addresses = person.addresses if person else ()
        return PeerAddress(node_id=node_id, addresses=addresses) if addresses else None

    def say(self, node_id: NodeId, addresses: Sequence[str], relay_url: str | None = None) -> tuple[str, ...]:
        """The owner, or an invite that he uses, says where a node is; returns the addresses checked. A relay that was said stays.

        Raises INVALID_REQUEST for what is no address.
        """
        checked = tuple(map(checked_address, addresses))
        before = self._said.get(node_id)
        relay_url = relay_url or (before.relay_url if before else None)
        if checked or relay_url:
            self._said[node_id] = PeerAddress(node_id=node_id, addresses=checked, relay_url=relay_url)
        return checked
