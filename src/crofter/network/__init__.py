"""Nodes that find and know each other. So far: connections with proven identities, and what goes over them."""

from .frames import MAXIMUM_FRAME_BYTES, FrameReader, framed, send_frame
from .iroh import IrohTransport, copying_state, missing_network
from .liveness import Liveness
from .memory import Conditions, MemoryNetwork
from .owning import ABANDONED, owned
from .transport import (
    MAXIMUM_DATAGRAM_BYTES,
    MAXIMUM_STREAMS,
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
    "ABANDONED",
    "MAXIMUM_DATAGRAM_BYTES",
    "MAXIMUM_FRAME_BYTES",
    "MAXIMUM_STREAMS",
    "BindOptions",
    "Conditions",
    "Connection",
    "Endpoint",
    "FrameReader",
    "IrohTransport",
    "Liveness",
    "MemoryNetwork",
    "Path",
    "PeerAddress",
    "Stream",
    "StreamClosedError",
    "Transport",
    "copying_state",
    "framed",
    "missing_network",
    "owned",
    "send_frame",
]
