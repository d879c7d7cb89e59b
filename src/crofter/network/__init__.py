"""Nodes that find and know each other. So far: connections with proven identities, and what goes over them."""

from .frames import MAXIMUM_FRAME_BYTES, FrameReader, framed, send_frame
from .iroh import IrohTransport, copying_state, missing_network
from .liveness import Liveness
from .memory import Conditions, MemoryNetwork
from .owning import ABANDONED, owned
from .records import (
    LIFETIME_SECONDS,
    PeerRecord,
    Reach,
    SignedRecord,
    accept_record,
    dialable,
    network_tag,
    read_record,
    sign_record,
)
from .transport import (
    MAXIMUM_DATAGRAM_BYTES,
    MAXIMUM_STREAMS,
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
    "ABANDONED",
    "LIFETIME_SECONDS",
    "MAXIMUM_DATAGRAM_BYTES",
    "MAXIMUM_FRAME_BYTES",
    "MAXIMUM_STREAMS",
    "NODE_ID_BYTES",
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
    "PeerRecord",
    "Reach",
    "SignedRecord",
    "Stream",
    "StreamClosedError",
    "Transport",
    "accept_record",
    "copying_state",
    "dialable",
    "framed",
    "missing_network",
    "network_tag",
    "owned",
    "read_record",
    "send_frame",
    "sign_record",
]
