"""The relays that this node uses: through them nodes are looked for that are known nowhere else, and beside them are the observers."""

from crofter.core import NodeId

from .plan import Mode, may_use
from .transport import PeerAddress


class Relays:
    """An AddressSource, of the observers. Whoever shares a relay with us can be reached through it, known or not."""

    def __init__(self) -> None:
        self.use((), "off")

    def use(self, urls: tuple[str, ...], mode: Mode) -> None:
        """From the setting `network.relays`; none are used where the mode has no relays."""
        self.urls = urls if may_use(mode, "relays") else ()
        self.connected: str | None = None
        """The one that this node is reached through now."""
        self.observers: dict[str, PeerAddress] = {}
        """By the URL of the relay that they are beside."""

    def any_url(self) -> str | None:
        """One to try for a node whose own relay is not known."""
        return self.connected or next(iter(self.urls), None)

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        """See `AddressSource`."""
        return next((observer for observer in self.observers.values() if observer.node_id == node_id), None)
