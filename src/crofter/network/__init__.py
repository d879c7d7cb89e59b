"""Nodes that find and know each other. So far: connections with proven identities, and what goes over them."""

from .iroh import IrohTransport, copying_state, missing_network
from .memory import Conditions, MemoryNetwork
from .transport import (
    MAXIMUM_DATAGRAM_BYTES,
    NODE_ID_BYTES,
    BindOptions,
    Connection,
    Endpoint,
    Path,
    PeerAddress,
    Stream,
    StreamClosedError,
    Transport,
)

__all__ = [
    "MAXIMUM_DATAGRAM_BYTES",
    "NODE_ID_BYTES",
    "BindOptions",
    "Conditions",
    "Connection",
    "Endpoint",
    "IrohTransport",
    "MemoryNetwork",
    "Path",
    "PeerAddress",
    "Stream",
    "StreamClosedError",
    "Transport",
    "copying_state",
    "missing_network",
]
