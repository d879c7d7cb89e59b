"""The network of other nodes as this node's owner sees it."""

from typing import Annotated, Literal, Protocol

import msgspec

PathKind = Literal["direct", "relayed", ""]
"""How packets go now; empty: not connected."""
Standing = Literal["trusted", "pending", "stranger", "blocked"]
NetworkState = Literal["off", "starting", "ready", "failed"]


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """How often one kind of message ended in one way since the start."""

    kind: str
    """As in the table of messages; `unknown` for what is not in it."""
    direction: Literal["in", "out"]
    """Whether a peer asked this node or this node a peer."""
    outcome: str
    """`ok`, or the code of the error."""
    count: int


class ServedRelay(msgspec.Struct, frozen=True, kw_only=True):
    """The relay that this node serves for others."""

    addresses: tuple[str, ...]
    """Where it listens; none: it could not be served."""
    problem: str = ""
    clients: int = 0
    passed: int = 0
    """Packets, since the start."""
    bytes: int = 0
    dropped: int = 0
    """Packets whose receiver was not there or did not keep up."""
    refused: int = 0
    """Connections of nodes that may not use it, or did not prove who they are."""


class Reachability(msgspec.Struct, frozen=True, kw_only=True):
    """How others can reach this node."""

    nat: Literal["unknown", "open", "mapped", "symmetric"] = "unknown"
    """Not enough observers; seen under its own address; seen by all under another one; seen under a new one by each."""
    finding: str = ""
    """The same in plain words."""
    advice: str = ""
    """What the owner can do; empty: nothing."""
    seen_as: tuple[str, ...] = ()
    """The addresses that observers see this node under."""
    observers: int = 0
    """How many said something that can be true."""
    relays: tuple[str, ...] = ()
    """Those that this node uses, by its settings and mode."""
    relay: str = ""
    """The one that is connected now; empty: none."""
    problems: tuple[str, ...] = ()
    """What went wrong with relays and observers."""
    served: ServedRelay | None = None
    """None: it serves none."""


class NetworkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether other nodes can reach this one."""

    mode: Literal["off", "private", "lan", "offline", "public"]
    state: NetworkState
    problem: str = ""
    """Why it failed; empty: it did not."""
    id: str
    network: str = ""
    """Tells private networks apart, and says nothing of their secret; empty: the open one."""
    addresses: tuple[str, ...]
    """Where this node can be dialled, as far as it knows."""
    connections: int
    reachability: Reachability
    traffic: tuple[Traffic, ...]
    bytes_in: int
    """Of requests that peers made, and of what they were answered."""
    bytes_out: int
    """Of requests of this node."""
    layers: tuple[str, ...] = ()
    """The ways in which it finds others, and they find it."""
    remembered: int = 0
    """Nodes it has heard of."""
    nearby: int = 0
    """Nodes seen on the local network."""
    contacts: int = 0
    """Nodes in its table of the DHT."""
    refused_records: dict[str, int] = {}
    """Records and rumours of others that were not taken, by reason."""


class Nearby(msgspec.Struct, frozen=True, kw_only=True):
    """A node as it announces itself on the local network: a claim, until a connection proves it."""

    id: str
    fingerprint: str
    name: str = ""
    """The owner's, once it is paired or named."""
    standing: Standing
    addresses: tuple[str, ...]


class MapNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the map."""

    id: str
    fingerprint: str
    name: str = ""
    standing: Literal["self", "trusted", "pending", "stranger", "blocked"]
    near: bool
    """Seen on the local network."""


class MapLink(msgspec.Struct, frozen=True, kw_only=True):
    """A connection of this node. Whom others are connected to is theirs to know."""

    source: str
    """Id of one end."""
    target: str
    path: PathKind
    address: str
    round_trip_ms: float | None


class NetworkMap(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes that this one knows, sees or is connected to, and its connections."""

    nodes: tuple[MapNode, ...]
    links: tuple[MapLink, ...]


class PeerSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A node that is known or connected."""

    id: str
    fingerprint: str
    name: str = ""
    """The owner's, once it is paired or named."""
    standing: Standing
    asked_us: bool = False
    """Whether it asks to be paired, and waits for this node's owner."""
    known_addresses: tuple[str, ...]
    path: PathKind
    address: str = ""
    """Where its packets come from now."""
    round_trip_ms: float | None = None
    """Of the path, as the transport sees it; whole milliseconds."""
    connected_seconds: float | None = None
    seen_at: float | None = None
    """When it was last connected, for those that are known; Unix seconds, to about a minute."""


class PingResult(msgspec.Struct, frozen=True, kw_only=True):
    """A peer answered."""

    id: str
    fingerprint: str
    milliseconds: float
    """There and back, over a connection that was there already."""
    connect_milliseconds: float | None
    """What it took to connect before; None: it was connected."""
    path: PathKind
    address: str
    version: str
    """Of its Crofter; empty: it does not say."""
    seen_at: str
    """The address this node has for it."""


class MessageText(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]


class SentMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The peer has kept it."""

    id: str
    fingerprint: str


class ReceivedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner of another node said."""

    id: str
    """That node's."""
    fingerprint: str
    text: str
    received_at: float
    """Unix seconds."""


class NetworkAdministration(Protocol):
    """A peer is named by its id, or by the fingerprint of one that is known. Every method raises CrofterError when it cannot."""

    def status(self) -> NetworkStatus: ...
    def peers(self) -> list[PeerSummary]: ...
    def nearby(self) -> list[Nearby]: ...
    def map(self) -> NetworkMap: ...
    async def ping(self, name: str) -> PingResult:
        """Connects if need be."""
        ...

    async def send(self, name: str, text: str) -> SentMessage: ...
    def messages(self) -> list[ReceivedMessage]:
        """The newest of what was received, oldest first."""
        ...
