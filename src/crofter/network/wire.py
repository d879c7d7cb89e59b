"""Every message between nodes, and who may send it. One screen: what is not here does not exist.

Requests and replies are declared where their meaning lives. A row never changes its meaning: a new meaning gets a new name.
"""

from typing import Any

from .kinds import Kind
from .messages import Ping, Pong

PING = Kind(name="ping", request=Ping, reply=Pong, who="anyone", most_bytes=1_000, per_minute=120)

KINDS: tuple[Kind[Any, Any], ...] = (PING,)
