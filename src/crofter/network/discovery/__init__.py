"""How nodes find each other: what is remembered, seen on the local network, handed over, and asked of others."""

from .cache import Here, PeerCache
from .exchange import PeerExchange
from .invite import Invite, read_invite, write_invite
from .lan import LocalNetwork, Nearby
from .messages import PeersOffered, PeersWanted

__all__ = [
    "Here",
    "Invite",
    "LocalNetwork",
    "Nearby",
    "PeerCache",
    "PeerExchange",
    "PeersOffered",
    "PeersWanted",
    "read_invite",
    "write_invite",
]
