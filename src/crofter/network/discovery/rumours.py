"""What gossip carries: something short that its origin has signed, and that whoever passes it on cannot change.

The form is a record's: 64 bytes of signature, then one MessagePack array, signed and passed on as it came. Its hash is its name.
"""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from crofter.core import NODE_ID_BYTES, NodeId
from crofter.trust import SIGNATURE_BYTES, Identity, is_signed

MAXIMUM_RUMOUR_BYTES = 1_400
RUMOUR_ID_BYTES = 16
WINDOW_SECONDS = 300
"""A rumour is taken only so long after it was signed (or before, by the clock here), and remembered as long: none comes twice."""

_PURPOSE = "gossip"

RumourRefusal = Literal["too large", "malformed", "other network", "out of time", "wrong signature", "too many"]


class Rumour(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """What one node tells all others."""

    version: Literal[1] = 1
    origin: Annotated[NodeId, Meta(min_length=NODE_ID_BYTES, max_length=NODE_ID_BYTES)]
    network: bytes
    """The tag of its network."""
    signed_at: Annotated[int, Meta(ge=0, lt=1 << 53)]
    """Unix milliseconds."""
    topic: Annotated[str, Meta(max_length=32)]
    payload: Annotated[bytes, Meta(max_length=1_024)]


def rumour_id(content: bytes) -> bytes:
    """The name of a rumour as it travels."""
    return hashlib.sha256(content).digest()[:RUMOUR_ID_BYTES]


def sign_rumour(identity: Identity, rumour: Rumour) -> bytes:
    """A rumour of this node's as it travels. Raises ValueError if it breaks the bounds."""
    body = msgspec.msgpack.encode(rumour)
    content = identity.sign(_PURPOSE, body) + body
    read = read_rumour(content, network=rumour.network, now=rumour.signed_at / 1000)
    if isinstance(read, str):
        raise ValueError(f"no other node would take this: {read}")
    return content


def read_rumour(content: bytes, *, network: bytes, now: float) -> Rumour | RumourRefusal:
    """A rumour, if it is true, for this network and for now (Unix seconds). Pure, and never raises."""
    if len(content) > MAXIMUM_RUMOUR_BYTES:
        return "too large"
    signature, body = content[:SIGNATURE_BYTES], content[SIGNATURE_BYTES:]
    try:
        rumour = msgspec.msgpack.decode(body, type=Rumour)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return "malformed"
    # Whoever passes it on could spell it in another way, and it would have another name.
    if msgspec.msgpack.encode(rumour) != body:
        return "malformed"
    if rumour.network != network:
        return "other network"
    if abs(now - rumour.signed_at / 1000) >= WINDOW_SECONDS:
        return "out of time"
    return rumour if is_signed(rumour.origin, _PURPOSE, body, signature) else "wrong signature"
