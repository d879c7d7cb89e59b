"""The relays that this node uses: whoever shares one is found through it, and beside each is an observer."""

from crofter.core import NodeId

from .plan import may_use
from .settings import NetworkSettings
from .transport import PeerAddress


class Relays:
    """An AddressSource: where the observers are."""

    def __init__(self) -> None:
        self.urls: tuple[str, ...] = ()
        self.connected: str | None = None
        """The one that this node is reached through now."""
        self.observers: dict[str, PeerAddress] = {}
        """By the URL of the relay that they are beside."""

    def follow(self, settings: NetworkSettings) -> None:
        """What the owner wants from now on; none where the mode has no relays."""
        self.urls = settings.relays if may_use(settings.mode, "relays") else ()
        self.connected = None
        self.observers.clear()

    def shared(self) -> str | None:
        """Where to look for a node whose own relay is not known: it may use ours."""
        return self.connected or next(iter(self.urls), None)

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        """See `AddressSource`."""
        return next((observer for observer in self.observers.values() if observer.node_id == node_id), None)
