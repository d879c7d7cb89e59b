"""Nodes that find and know each other. Connections with proven identities, and the messages over them."""

from .addresses import Reach, checked_address
from .channel import Channel
from .counts import Counts
from .directory import AddressSource, Seeker
from .discovery import Invite, OwnRecord, read_invite, write_invite
from .discovery.invite import NETWORK_SECRET_BYTES
from .discovery.service import Discovered, Discovery
from .encoding import printable, told
from .frames import MAXIMUM_FRAME_BYTES, FrameReader, framed, send_frame
from .iroh import IrohTransport, copying_state, missing_network
from .kinds import BULK, ORDINARY, URGENT, Caller, ChannelKind, Kind, StreamKind, Who
from .line import Line
from .liveness import Liveness
from .memory import Conditions, MemoryNetwork
from .messages import LONGEST_TEXT_CHARACTERS, Ping, Pong, Received, TextMessage
from .owning import ABANDONED, owned
from .peers import Peers
from .plan import Layer, Mode, may_use
from .protocol import OwnNetwork
from .reachability import NatKind, Sighting, Verdict, explained, judged
from .records import (
    LIFETIME_SECONDS,
    PeerRecord,
    SignedRecord,
    accept_record,
    dialable,
    network_tag,
    read_record,
    sign_record,
)
from .relay import RelayCounts, RelayRules, RelayServer, find_observer, observer_text
from .relays import Relays
from .rules import Rules
from .settings import NetworkSettings
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
from .wire import (
    JOIN,
    KINDS,
    MESSAGE,
    PAIR,
    PAIR_CODE,
    PAIR_PROOF,
    PING,
    POOL_ASK,
    POOL_INVITE,
    POOL_JOIN,
    POOL_LEAVE,
    POOL_NEWS,
)

__all__ = [
    "ABANDONED",
    "BULK",
    "JOIN",
    "KINDS",
    "LIFETIME_SECONDS",
    "LONGEST_TEXT_CHARACTERS",
    "MAXIMUM_DATAGRAM_BYTES",
    "MAXIMUM_FRAME_BYTES",
    "MAXIMUM_STREAMS",
    "MESSAGE",
    "NETWORK_SECRET_BYTES",
    "ORDINARY",
    "PAIR",
    "PAIR_CODE",
    "PAIR_PROOF",
    "PING",
    "POOL_ASK",
    "POOL_INVITE",
    "POOL_JOIN",
    "POOL_LEAVE",
    "POOL_NEWS",
    "URGENT",
    "AddressSource",
    "BindOptions",
    "Caller",
    "Channel",
    "ChannelKind",
    "Conditions",
    "Connection",
    "Counts",
    "Discovered",
    "Discovery",
    "Endpoint",
    "FrameReader",
    "Invite",
    "IrohTransport",
    "Kind",
    "Layer",
    "Line",
    "Liveness",
    "MemoryNetwork",
    "Mode",
    "NatKind",
    "NetworkSettings",
    "OwnNetwork",
    "OwnRecord",
    "Path",
    "PeerAddress",
    "PeerRecord",
    "Peers",
    "Ping",
    "Pong",
    "Reach",
    "Received",
    "RelayCounts",
    "RelayRules",
    "RelayServer",
    "Relays",
    "Rules",
    "Seeker",
    "Sighting",
    "SignedRecord",
    "Stream",
    "StreamClosedError",
    "StreamKind",
    "TextMessage",
    "Transport",
    "Verdict",
    "Who",
    "accept_record",
    "checked_address",
    "copying_state",
    "dialable",
    "explained",
    "find_observer",
    "framed",
    "judged",
    "may_use",
    "missing_network",
    "network_tag",
    "observer_text",
    "owned",
    "printable",
    "read_invite",
    "read_record",
    "send_frame",
    "sign_record",
    "told",
    "write_invite",
]
