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
        self.failing: set[str] = set()
        """Those of ours that did not answer when they were last asked."""

    def follow(self, settings: NetworkSettings) -> None:
        """What the owner wants from now on; none where the mode has no relays."""
        self.urls = settings.relays if may_use(settings.mode, "relays") else ()
        self.connected = None
        self.observers.clear()
        self.failing.clear()

    def toward(self, url: str | None) -> str | None:
        """The relay to look for a node at that was last said to use this one: ours if it is not known, or known to be dead.

        Nodes that share several relays meet at another when one dies, and none can say so to the others before.
        """
        is_dead = url is not None and url.rstrip("/") in {failing.rstrip("/") for failing in self.failing}
        if url is not None and not is_dead:
            return url
        return self.connected or next((each for each in self.urls if each not in self.failing), url)

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        """See `AddressSource`."""
        return next((observer for observer in self.observers.values() if observer.node_id == node_id), None)
