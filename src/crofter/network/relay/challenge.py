"""How a client proves to a relay that it has the key of its id. The only file of the room that imports blake3."""

from blake3 import blake3

from crofter.trust import is_signed_bare

from .frames import Answer

_CONTEXT = "iroh-relay handshake v1 challenge signature"


def to_sign(challenge: bytes) -> bytes:
    """What the client signs instead of the challenge itself, so that no relay can have anything else signed."""
    return blake3(challenge, derive_key_context=_CONTEXT).digest()


def is_proven(answer: Answer, challenge: bytes) -> bool:
    """Whether the answer is by the node that it names."""
    return is_signed_bare(answer.node_id, to_sign(challenge), answer.signature)
