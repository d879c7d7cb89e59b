"""How nodes find each other: what is remembered, seen on the local network, handed over, and asked of others."""

from .cache import Here, PeerCache
from .exchange import PeerExchange
from .gossip import Gossip, Sending
from .invite import Invite, read_invite, write_invite
from .lan import LocalNetwork, Nearby
from .messages import PeersOffered, PeersWanted, Told, Wanted
from .rumours import Rumour

__all__ = [
    "Gossip",
    "Here",
    "Invite",
    "LocalNetwork",
    "Nearby",
    "PeerCache",
    "PeerExchange",
    "PeersOffered",
    "PeersWanted",
    "Rumour",
    "Sending",
    "Told",
    "Wanted",
    "read_invite",
    "write_invite",
]
