"""What a row of the table of messages says, and who asks."""

from typing import Generic, Literal, TypeVar

import msgspec

from crofter.core import NodeId, Radius
from crofter.trust import Standing, radius_of

Request = TypeVar("Request")
Reply = TypeVar("Reply")

Who = Literal["anyone", "public", "trusted"]
"""Whoever can reach this node; the same, but only in mode `public`, elsewhere as `trusted`; who is paired or in a pool with it."""
Direction = Literal["in", "out"]
"""Whether a peer asked this node or this node a peer."""

URGENT, ORDINARY, BULK = 1, 0, -1
"""Priorities: what somebody waits for token by token; questions; what may take its time."""


class Kind(msgspec.Struct, Generic[Request, Reply], frozen=True, kw_only=True):
    """One question that nodes ask each other, and its one answer."""

    name: str
    request: type[Request]
    """A msgspec Struct, as msgpack; or bytes, which go as they are."""
    reply: type[Reply]
    who: Who
    """Who may send it, and to whom it may be sent."""
    most_bytes: int
    """Of one message, whether request or reply; a longer one is refused before it is read."""
    per_minute: int
    """Requests of one peer; a quarter of it at once."""
    bytes_per_minute: int = 0
    """What serving it may cost for one peer, both directions; 0: no more than the two limits above give."""
    priority: int = ORDINARY
    repeatable: bool = True
    """Whether being asked twice does no harm: then it is, when the connection it was asked on turns out to have died before."""


class StreamKind(Kind[Request, Reply], Generic[Request, Reply], frozen=True, kw_only=True):
    """A question that has many answers, as they come."""


class ChannelKind(Kind[Request, bytes], Generic[Request], frozen=True, kw_only=True):
    """A question after which both sides send each other frames of bytes, until one of them ends it. `most_bytes` is of one frame."""

    reply: type[bytes] = bytes
    priority: int = URGENT


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose request it is: the id is proven, and whether he may ask has been decided."""

    node_id: NodeId
    standing: Standing
    address: str
    """Where his packets come from now; empty if unknown."""
    relayed: bool

    @property
    def radius(self) -> Radius | None:
        """How near he is: `trusted` or `public`; None, whoever is blocked, asks nothing."""
        return radius_of(self.standing)
