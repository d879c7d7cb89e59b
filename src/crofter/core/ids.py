"""Identifiers. Distinct types, so that one cannot be passed for another."""

import secrets
from typing import NewType

ModelId = NewType("ModelId", str)
"""Lower-case hex BLAKE3 of a model's manifest, which holds the hashes of all it consists of."""

NodeId = NewType("NodeId", bytes)
"""A node's Ed25519 public key: 32 raw bytes, proven by whoever connects. `trust` writes and reads its text forms."""

NODE_ID_BYTES = 32

RequestId = NewType("RequestId", str)
"""Names one request in logs, headers and audit; unguessable, so that knowing it is enough to cancel it."""


def new_request_id() -> RequestId:
    """A fresh request id: 96 random bits."""
    return RequestId(secrets.token_hex(12))
