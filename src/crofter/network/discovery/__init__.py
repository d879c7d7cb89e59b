"""How nodes find each other: what is remembered, seen on the local network, handed over, and asked of others."""

from .cache import Here, PeerCache

__all__ = ["Here", "PeerCache"]
