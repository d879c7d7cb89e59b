"""The one thing that discovery carries: what a node says of itself, signed by it, where it is and until when that holds.

Only a hint: whoever is dialled proves its id again. A record comes as 64 bytes of signature and a body in MessagePack, one array in
the order of the fields, everything in its shortest form. MessagePack because it has bytes and no freedom of spelling once forms are
shortest (JSON has spaces, escapes and orders); an array so that no names travel. The signature holds for the bytes as they came, and
they are passed on as they came. A body that is spelt in another way is refused, so that one record has one form and one hash. What a
newer version appends is passed over, signed all the same.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from crofter.core import NODE_ID_BYTES, NodeId
from crofter.trust import SIGNATURE_BYTES, Identity, is_signed

from .addresses import Reach, is_dialable, is_relay_of_strangers, is_relay_url, within_reach
from .transport import PeerAddress

MAXIMUM_RECORD_BYTES = 1024
MAXIMUM_ADDRESSES = 8
LIFETIME_SECONDS = 24 * 3600
SKEW_SECONDS = 600
"""How far the clocks of two nodes may differ."""
NETWORK_TAG_BYTES = 8

_PURPOSE = "peer-record"
_KEY_BYTES = 32

Refusal = Literal["too large", "malformed", "other network", "expired", "too far ahead", "not newer", "wrong signature"]

_Key = Annotated[bytes, Meta(min_length=_KEY_BYTES, max_length=_KEY_BYTES)]
_Address = Annotated[str, Meta(min_length=9, max_length=47)]


class PeerRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a node says of itself. New fields are appended with a default; a changed meaning is a new version."""

    version: Literal[1] = 1
    node_id: Annotated[NodeId, Meta(min_length=NODE_ID_BYTES, max_length=NODE_ID_BYTES)]
    sequence: Annotated[int, Meta(ge=0, lt=1 << 53)]
    """When it was signed, in Unix milliseconds: the greater replaces the smaller, and none can lie ahead of every later one."""
    expires_at: Annotated[int, Meta(ge=0, lt=1 << 53)]
    """Unix seconds."""
    network: Annotated[bytes, Meta(min_length=NETWORK_TAG_BYTES, max_length=NETWORK_TAG_BYTES)]
    """`network_tag` of the secret that its network shares."""
    addresses: Annotated[tuple[_Address, ...], Meta(max_length=MAXIMUM_ADDRESSES)] = ()
    """`ip:port` or `[ip]:port`, best first."""
    relay_url: Annotated[str, Meta(min_length=8, max_length=200)] | None = None
    sealing_key: _Key | None = None
    """X25519: what is meant for this node alone and passes others is sealed to it."""
    capability_hash: _Key | None = None
    """SHA-256 of what it offers, so that a change is noticed without asking."""


class SignedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record whose signature has been checked or made here, with the bytes that say so."""

    record: PeerRecord
    content: bytes
    """Signature and body, as they travel."""


def network_tag(secret: bytes) -> bytes:
    """8 bytes that tell networks apart in public and say nothing of the secret; the open network has an empty secret."""
    # The secret is the message: as the key, HMAC would take zeros for nothing.
    return hmac.digest(b"crofter network tag", secret, hashlib.sha256)[:NETWORK_TAG_BYTES]


def network_of(content: bytes) -> bytes:
    """The tag in a record that was accepted before; nothing of it is checked again."""
    return msgspec.msgpack.decode(content[SIGNATURE_BYTES:], type=PeerRecord).network


def sign_record(identity: Identity, record: PeerRecord) -> SignedRecord:
    """Sign what this node says of itself. Raises ValueError if others would refuse it."""
    body = msgspec.msgpack.encode(record)
    content = identity.sign(_PURPOSE, body) + body
    signed = read_record(content)
    if isinstance(signed, str):
        raise ValueError(f"no other node would take this record: {signed}")
    return signed


def read_record(content: bytes) -> SignedRecord | Refusal:
    """A record as it travels, if it is one and signed by whom it speaks of; its age is not looked at. Never raises."""
    record = _parsed(content)
    return record if isinstance(record, str) else _verified(record, content)


def accept_record(
    content: bytes, *, network: bytes, now: float, known_sequence: Callable[[NodeId], int | None]
) -> SignedRecord | Refusal:
    """Decide on a record from another node. Pure and never raises; the signature, which costs most, comes last.

    `network` is our tag, `now` is in Unix seconds, `known_sequence` has the newest sequence known of a node, or None.
    """
    record = _parsed(content)
    if isinstance(record, str):
        return record
    if record.network != network:
        return "other network"
    if record.expires_at <= now:
        return "expired"
    if record.expires_at > now + LIFETIME_SECONDS + SKEW_SECONDS or record.sequence > (now + SKEW_SECONDS) * 1000:
        return "too far ahead"
    known = known_sequence(record.node_id)
    if known is not None and record.sequence <= known:
        return "not newer"
    return _verified(record, content)


def dialable(record: PeerRecord, reach: Reach, *, trusted: bool = False) -> PeerAddress:
    """Where to look for the node, leaving out what lies beyond our reach: nobody makes us send packets where we never would.

    Nor does a stranger (not `trusted`) make us ask a web server at home for a relay.
    """
    allowed = tuple(address for address in record.addresses if within_reach(address, reach))
    relay = record.relay_url if reach == "internet" else None
    if relay is not None and not trusted and not is_relay_of_strangers(relay):
        relay = None
    return PeerAddress(node_id=record.node_id, addresses=allowed, relay_url=relay)


def _parsed(content: bytes) -> PeerRecord | Refusal:
    if len(content) > MAXIMUM_RECORD_BYTES:
        return "too large"
    body = content[SIGNATURE_BYTES:]
    try:
        record = msgspec.msgpack.decode(body, type=PeerRecord)
        shortest = msgspec.msgpack.encode(msgspec.msgpack.decode(body))
    # Text that is not UTF-8, arrays nested until the stack ends and maps as keys of maps are no decoding errors to msgspec.
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return "malformed"
    plausible = (
        shortest == body
        and len(set(record.addresses)) == len(record.addresses)
        and all(map(is_dialable, record.addresses))
        and (record.relay_url is None or is_relay_url(record.relay_url))
    )
    return record if plausible else "malformed"


def _verified(record: PeerRecord, content: bytes) -> SignedRecord | Refusal:
    signature, body = content[:SIGNATURE_BYTES], content[SIGNATURE_BYTES:]
    if not is_signed(record.node_id, _PURPOSE, body, signature):
        return "wrong signature"
    return SignedRecord(record=record, content=content)
