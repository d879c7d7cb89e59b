"""What two nodes ask of each other before anything else: that both are in the same network."""

import hashlib
import hmac

from crofter.core import NodeId

from .records import network_tag

_OPEN = b"crofter/1"
_PURPOSE = b"crofter alpn"
_PROOF_BYTES = 16

OTHER_PROTOCOL = "who answers at the peer's address is in another network than this node, or is another node, or one of the two is old"


def protocol_name(network_secret: bytes, node_id: NodeId) -> bytes:
    """The protocol (TLS's ALPN) that a node of this network answers to, and nobody can name who has not its secret.

    It travels in the clear and is another one for each node: who overhears it can dial that node as a stranger of the network would,
    and no other, and does not see which nodes share a network. The open network has an empty secret.
    """
    if not network_secret:
        return _OPEN
    proof = hmac.digest(network_secret, _PURPOSE + node_id, hashlib.sha256)[:_PROOF_BYTES]
    return _OPEN + b"/" + proof.hex().encode()


class OwnNetwork:
    """The network that this node is in, which may change at any time. Its text shows the tag only."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        """What its nodes share: NETWORK_SECRET_BYTES; empty: the open network."""

    def __repr__(self) -> str:
        return f"OwnNetwork({self.shown_tag()})"

    def shown_tag(self) -> str:
        """The same for people: sixteen characters; empty in the open network."""
        return self.tag().hex() if self.secret else ""

    def tag(self) -> bytes:
        """What tells it apart in public."""
        return network_tag(self.secret)
