"""The relays that this node uses: through them nodes are looked for that are known nowhere else, and beside them are the observers."""

from crofter.core import NodeId

from .plan import Mode, may_use
from .transport import PeerAddress


class Relays:
    """An AddressSource. Whoever shares a relay with us can be reached through it, known or not."""

    def __init__(self, urls: tuple[str, ...], mode: Mode) -> None:
        """From the setting `network.relays`; none are used where the mode has no relays."""
        self.urls = urls if may_use(mode, "relays") else ()
        self.connected: str | None = None
        """The one that this node is reached through now."""
        self.observers: dict[str, PeerAddress] = {}
        """By the URL of the relay that they are beside."""

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        """See `AddressSource`."""
        for observer in self.observers.values():
            if observer.node_id == node_id:
                return observer
        relay_url = self.connected or next(iter(self.urls), None)
        return PeerAddress(node_id=node_id, relay_url=relay_url) if relay_url else None
