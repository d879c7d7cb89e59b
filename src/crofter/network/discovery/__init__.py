"""How nodes find each other: what is remembered, seen on the local network, handed over, and asked of others."""

from .cache import Here, PeerCache
from .invite import Invite, read_invite, write_invite
from .lan import LocalNetwork, Nearby

__all__ = ["Here", "Invite", "LocalNetwork", "Nearby", "PeerCache", "read_invite", "write_invite"]
