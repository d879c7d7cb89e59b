"""The real network: QUIC with proven identities, by the library iroh. Nothing of it is loaded before a node binds."""

from .transport import IrohTransport, copying_state, missing_network

__all__ = ["IrohTransport", "copying_state", "missing_network"]
