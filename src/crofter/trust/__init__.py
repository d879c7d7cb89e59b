"""Who a node is: its key, what it signs, how its id is written, and the file it is kept in. And whom it knows and trusts."""

from .identity import Identity, is_signed
from .identity_file import export_identity, import_identity, make_identity, read_identity, reseal_identity
from .identity_format import StoredIdentity
from .names import did_key, fingerprint, parse_node_id, readable_id
from .people import People, shown_name
from .plan import Decision, Person, Standing, clean_name, radius_of

__all__ = [
    "Decision",
    "Identity",
    "People",
    "Person",
    "Standing",
    "StoredIdentity",
    "clean_name",
    "did_key",
    "export_identity",
    "fingerprint",
    "import_identity",
    "is_signed",
    "make_identity",
    "parse_node_id",
    "radius_of",
    "read_identity",
    "readable_id",
    "reseal_identity",
    "shown_name",
]
