"""The relay that a reachable node may serve: iroh's own protocol, so that every iroh endpoint can use it.

It passes datagrams between nodes that cannot reach each other, and reads none: they are encrypted from end to end.
"""

from .observer import find_observer, observer_text
from .server import RelayServer
from .switch import RelayCounts, RelayRules

__all__ = ["RelayCounts", "RelayRules", "RelayServer", "find_observer", "observer_text"]
