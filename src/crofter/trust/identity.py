"""A node's key pair: signing, and checking what others signed."""

import re
import secrets
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crofter.core import NODE_ID_BYTES, NodeId

SEED_BYTES = 32
SIGNATURE_BYTES = 64

_PURPOSE = re.compile(r"[a-z][a-z0-9-]*")
_SIGN_BIT = 0x80

# The y coordinates of the points whose order divides 8, little endian, two of them also as y + p. Under such a key a signature can
# be made that holds for any message. The list is libsodium's (ge25519_has_small_order); OpenSSL does not look.
_SMALL_ORDER = frozenset(
    bytes.fromhex(y)
    for y in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)


class Identity:
    """One node's Ed25519 key (RFC 8032). Its text shows the public half only."""

    def __init__(self, seed: bytes) -> None:
        """From 32 bytes. Raises ValueError for another number."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.seed = seed
        """The secret itself: for the transport, which proves the same key, and for the file."""
        self.node_id = NodeId(self._key.public_key().public_bytes_raw())

    @classmethod
    def make(cls) -> Self:
        """A new one."""
        return cls(secrets.token_bytes(SEED_BYTES))

    def __repr__(self) -> str:
        return f"Identity({self.node_id.hex()})"

    def sign(self, purpose: str, message: bytes) -> bytes:
        """64 bytes that hold for this message and this purpose only; a purpose is a short name such as `peer-record`."""
        return self._key.sign(_framed(purpose, message))


def is_signed(node_id: NodeId, purpose: str, message: bytes, signature: bytes) -> bool:
    """Whether this node signed the message for this purpose. Never raises for what a peer may send."""
    return is_signed_bare(node_id, _framed(purpose, message), signature)


def is_signed_bare(node_id: NodeId, message: bytes, signature: bytes) -> bool:
    """The same for exactly these bytes, as protocols of others sign: those must see to it that they mean nothing else."""
    if len(node_id) != NODE_ID_BYTES or _has_small_order(node_id):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(node_id).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _framed(purpose: str, message: bytes) -> bytes:
    """What is really signed: no purpose holds a zero byte, so none is the beginning of another with its message.

    TLS begins what it signs with 64 spaces, and a relay's challenge is a hash: neither can be taken for ours.
    """
    if not _PURPOSE.fullmatch(purpose):
        raise ValueError(f"{purpose!r} is no name of a purpose")
    return purpose.encode() + b"\0" + message


def _has_small_order(point: bytes) -> bool:
    return point[:-1] + bytes([point[-1] & ~_SIGN_BIT]) in _SMALL_ORDER
