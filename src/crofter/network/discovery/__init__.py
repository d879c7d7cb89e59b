"""How nodes find each other: what is remembered, seen on the local network, handed over, and asked of others."""

from .cache import Here, PeerCache
from .dht import Dht
from .exchange import PeerExchange
from .gossip import Gossip, Sending
from .invite import Invite, read_invite, write_invite
from .lan import LocalNetwork, Nearby
from .messages import Find, Found, PeersOffered, PeersWanted, Provide, Provided, Told, Wanted
from .own_record import OwnRecord
from .routing import node_key
from .rumours import Rumour

__all__ = [
    "Dht",
    "Find",
    "Found",
    "Gossip",
    "Here",
    "Invite",
    "LocalNetwork",
    "Nearby",
    "OwnRecord",
    "PeerCache",
    "PeerExchange",
    "PeersOffered",
    "PeersWanted",
    "Provide",
    "Provided",
    "Rumour",
    "Sending",
    "Told",
    "Wanted",
    "node_key",
    "read_invite",
    "write_invite",
]
