"""Every message between nodes, and who may send it. One screen: what is not here does not exist.

Requests and replies are declared where their meaning lives. A row never changes its meaning: a new meaning gets a new name.
"""

from typing import Any

from .discovery import Find, Found, PeersOffered, PeersWanted, Provide, Provided, Told, Wanted
from .kinds import Kind
from .messages import Ping, Pong, Received, TextMessage

PING = Kind(name="ping", request=Ping, reply=Pong, who="anyone", most_bytes=1_000, per_minute=120)
MESSAGE = Kind(
    name="message", request=TextMessage, reply=Received, who="trusted", most_bytes=20_000, per_minute=60
)  # fmt: skip
PEERS = Kind(
    name="peers", request=PeersWanted, reply=PeersOffered, who="public", most_bytes=20_000, per_minute=4
)  # fmt: skip
GOSSIP = Kind(name="gossip", request=Told, reply=Wanted, who="public", most_bytes=25_000, per_minute=600)
FIND = Kind(name="find", request=Find, reply=Found, who="public", most_bytes=40_000, per_minute=240)
PROVIDE = Kind(name="provide", request=Provide, reply=Provided, who="public", most_bytes=2_000, per_minute=120)

KINDS: tuple[Kind[Any, Any], ...] = (PING, MESSAGE, PEERS, GOSSIP, FIND, PROVIDE)
