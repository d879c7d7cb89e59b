"""Every message between nodes, and who may send it. One screen: what is not here does not exist.

Requests and replies are declared where their meaning lives; rooms above this one have rows of their own (`cluster/messages.py`), and
`node/parts.py` adds them. A row never changes its meaning: a new meaning gets a new name.
"""

from typing import Any

from crofter.trust import (
    CodeHello,
    CodeProof,
    Join,
    Joined,
    PoolAsk,
    PoolHeard,
    PoolInvite,
    PoolJoin,
    PoolLeave,
    PoolNews,
    Stance,
)

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

PAIR = Kind(name="pair", request=Stance, reply=Stance, who="anyone", most_bytes=1_000, per_minute=12)
PAIR_CODE = Kind(
    name="pair-code", request=CodeHello, reply=CodeHello, who="anyone", most_bytes=200, per_minute=8, repeatable=False
)
PAIR_PROOF = Kind(
    name="pair-proof", request=CodeProof, reply=CodeProof, who="anyone", most_bytes=200, per_minute=8, repeatable=False
)

JOIN = Kind(name="join", request=Join, reply=Joined, who="anyone", most_bytes=200, per_minute=12)

POOL_INVITE = Kind(
    name="pool-invite", request=PoolInvite, reply=PoolHeard, who="trusted", most_bytes=1_000, per_minute=12
)
# From anyone: who is in a pool is checked where pools are known, and an owner whose list has expired is a stranger to its members.
POOL_JOIN = Kind(name="pool-join", request=PoolJoin, reply=PoolNews, who="anyone", most_bytes=64_000, per_minute=12)
POOL_ASK = Kind(name="pool-ask", request=PoolAsk, reply=PoolNews, who="anyone", most_bytes=64_000, per_minute=12)
POOL_NEWS = Kind(name="pool-news", request=PoolNews, reply=PoolHeard, who="anyone", most_bytes=64_000, per_minute=12)
POOL_LEAVE = Kind(name="pool-leave", request=PoolLeave, reply=PoolHeard, who="anyone", most_bytes=200, per_minute=12)

KINDS: tuple[Kind[Any, Any], ...] = (
    PING,
    MESSAGE,
    PEERS,
    GOSSIP,
    FIND,
    PROVIDE,
    PAIR,
    PAIR_CODE,
    PAIR_PROOF,
    JOIN,
    POOL_INVITE,
    POOL_JOIN,
    POOL_ASK,
    POOL_NEWS,
    POOL_LEAVE,
)
