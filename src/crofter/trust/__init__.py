"""Who a node is: its key, what it signs, how its id is written, and the file it is kept in."""

from .identity import Identity, is_signed
from .identity_file import export_identity, import_identity, make_identity, read_identity, reseal_identity
from .identity_format import StoredIdentity
from .names import did_key, fingerprint, parse_node_id, readable_id

__all__ = [
    "Identity",
    "StoredIdentity",
    "did_key",
    "export_identity",
    "fingerprint",
    "import_identity",
    "is_signed",
    "make_identity",
    "parse_node_id",
    "read_identity",
    "readable_id",
    "reseal_identity",
]
