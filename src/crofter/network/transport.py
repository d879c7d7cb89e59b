"""What the rest of the room asks of a transport: connections to nodes whose identity is proven, with many streams in each.

Two implementations keep these promises, and one set of tests holds both to them: iroh (QUIC) and one in memory.
Every wait can be cancelled, and the caller bounds it; only `dial` has a time limit of its own.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId

MAXIMUM_STREAMS = 1024
"""How many streams each side of a connection may have open; opening one more waits."""
MAXIMUM_DATAGRAM_BYTES = 1000
"""What fits into one packet on every path."""


class PeerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to dial, and where he may be. The addresses are hints: the handshake proves the id."""

    node_id: NodeId
    addresses: tuple[str, ...] = ()
    """`ip:port` or `[ip]:port`."""
    relay_url: str | None = None


class BindOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where a node listens and whom it lets in."""

    addresses: tuple[str, ...] = ("127.0.0.1:0", "[::1]:0")
    """`ip:port` or `[ip]:port`; port 0 takes a free one. Nothing else is opened."""
    relay_urls: tuple[str, ...] = ()
    """Relays of the owner's choice; none: connections are direct or not at all."""
    admit: Callable[[NodeId], bool] = lambda _: True
    """Asked for the proven id of each node that dials, before it can open a stream; False closes with PEER_REFUSED."""
    maximum_connections: int = 1024
    """Open connections that others dialled; who dials beyond that is refused."""
    network_secret: bytes = b""
    """What the nodes of a private network share; nodes with another one cannot connect, either way. Empty: the open network."""

    def __repr__(self) -> str:
        return f"BindOptions(addresses={self.addresses})"


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """One way that packets of a connection may take."""

    remote_address: str
    """`ip:port` as seen from here, or the relay's address."""
    relayed: bool
    selected: bool
    """Whether payload goes this way now."""
    round_trip_ms: float


class StreamClosedError(CrofterError):
    """The stream is over in this direction: reset or stopped by the peer (`reset_code` is what he gave) or closed here (None)."""

    def __init__(self, message: str, reset_code: int | None = None) -> None:
        super().__init__(ErrorCode.STREAM_CLOSED, message)
        self.reset_code = reset_code


class Stream(Protocol):
    """Bytes in order, both ways, each way closed on its own. One task may read and one may write at a time.

    Whoever opened or accepted it closes it: `finish` at the end of what is said, else `reset`; `stop` for what is not read to its
    end; `close` when all is well. Reads and writes raise StreamClosedError, or CrofterError with PEER_LOST when the connection is gone.
    """

    async def read(self, limit_bytes: int) -> bytes:
        """1 to `limit_bytes` bytes as they come; b"" once the peer has finished. A cancelled read loses nothing."""
        ...

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send it all; waits while the peer's window is full. After a cancelled write only `reset` makes sense."""
        ...

    async def finish(self) -> None:
        """Nothing more will be written; the peer reads to the end. Again, or after `reset`: nothing happens."""
        ...

    async def drain(self) -> None:
        """After `finish`: wait until the peer has received everything, so that the connection can be closed."""
        ...

    async def reset(self, code: int) -> None:
        """Break off what is written: the peer's next read raises with `code`. Never raises."""
        ...

    async def stop(self, code: int) -> None:
        """Read no more: the peer's next write raises with `code`. Never raises. Not while another task reads."""
        ...

    async def close(self) -> None:
        """`finish` and `stop(0)` in one, which costs less. Never raises. The last call on a stream; not while another task uses it."""
        ...

    async def set_priority(self, priority: int) -> None:
        """Among streams with something to send, the higher goes first; they begin with 0."""
        ...


class Connection(Protocol):
    """A line to one node. Whoever dialled or accepted it closes it; closing drops what the peer has not received yet."""

    @property
    def remote_id(self) -> NodeId:
        """Who the peer is, proven."""
        ...

    async def open_stream(self) -> Stream:
        """A new stream; the peer learns of it with the first write. Waits while MAXIMUM_STREAMS are open. Raises PEER_LOST."""
        ...

    async def accept_stream(self) -> Stream:
        """The next stream that the peer opened. Raises PEER_LOST or PEER_REFUSED once the connection is closed."""
        ...

    def send_datagram(self, data: bytes) -> None:
        """Up to MAXIMUM_DATAGRAM_BYTES that may be lost or come out of order. Raises PEER_LOST."""
        ...

    async def receive_datagram(self) -> bytes:
        """The next datagram; the oldest are dropped if nobody asks. One task at a time. Raises PEER_LOST."""
        ...

    def paths(self) -> tuple[Path, ...]:
        """The ways in use now; empty once closed."""
        ...

    async def wait_closed(self) -> CrofterError:
        """Why the connection ended, when it has: what every wait in it raises."""
        ...

    def close(self, error: CrofterError | None = None) -> None:
        """End all streams at once. What waits here raises `error`; the peer learns only whether it is PEER_REFUSED."""
        ...


class Endpoint(Protocol):
    """This node on the network."""

    @property
    def node_id(self) -> NodeId:
        """What others know it by."""
        ...

    def addresses(self) -> tuple[str, ...]:
        """Where it can be dialled, as far as it knows; they change with the machine's network."""
        ...

    async def dial(self, peer: PeerAddress, timeout_seconds: float) -> Connection:
        """A connection to exactly this node.

        Raises PEER_UNREACHABLE: no address, nobody there within the time, or another node or network there; PEER_REFUSED: it takes
        no more.
        A node that does not admit us is noticed on first use (PEER_REFUSED).
        """
        ...

    async def announce(self, addresses: tuple[str, ...]) -> None:
        """Let peers try exactly these addresses too, beside the node's own: what others see it under. They are in `addresses` soon."""
        ...

    async def relay(self) -> str | None:
        """The relay that this node can be reached through now; None if none is connected."""
        ...

    async def accept(self) -> Connection:
        """The next admitted connection. A newer one of the same node has closed the older. Raises SHUTTING_DOWN when closed."""
        ...


class Transport(Protocol):
    """A kind of network."""

    def bind(self, secret_key: bytes, options: BindOptions) -> AbstractAsyncContextManager[Endpoint]:
        """Be on the network under this Ed25519 seed (32 bytes) while the context is open; its exit closes all connections.

        Raises CONFLICT if an address is taken, CONFIG_INVALID if one is unusable or none is given, UNSUPPORTED where iroh is missing.
        """
        ...
