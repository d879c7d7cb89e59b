"""Who a node is: its key, what it signs, how its id is written, and the file it is kept in. And whom it knows and trusts."""

from .code import may_be_of, parse_code
from .code_desk import CodeDesk, ShownCode
from .code_exchange import CodeExchange, CodeHello, CodeProof
from .identity import SIGNATURE_BYTES, Identity, is_signed, is_signed_bare
from .identity_file import export_identity, import_identity, make_identity, read_identity, reseal_identity
from .identity_format import StoredIdentity
from .invite_desk import INVITE_TOKEN_BYTES, LONGEST_INVITE_SECONDS, InviteDesk, Join, Joined, invite_name
from .names import did_key, fingerprint, parse_node_id, readable_id
from .pairing import Pairing, Stance
from .people import People, shown_name
from .plan import Decision, Person, Standing, clean_name, radius_of
from .pool_book import Pool
from .pool_messages import PoolAsk, PoolHeard, PoolInvite, PoolJoin, PoolLeave, PoolNews
from .pools import Mail, Pools

__all__ = [
    "INVITE_TOKEN_BYTES",
    "LONGEST_INVITE_SECONDS",
    "SIGNATURE_BYTES",
    "CodeDesk",
    "CodeExchange",
    "CodeHello",
    "CodeProof",
    "Decision",
    "Identity",
    "InviteDesk",
    "Join",
    "Joined",
    "Mail",
    "Pairing",
    "People",
    "Person",
    "Pool",
    "PoolAsk",
    "PoolHeard",
    "PoolInvite",
    "PoolJoin",
    "PoolLeave",
    "PoolNews",
    "Pools",
    "ShownCode",
    "Stance",
    "Standing",
    "StoredIdentity",
    "clean_name",
    "did_key",
    "export_identity",
    "fingerprint",
    "import_identity",
    "invite_name",
    "is_signed",
    "is_signed_bare",
    "make_identity",
    "may_be_of",
    "parse_code",
    "parse_node_id",
    "radius_of",
    "read_identity",
    "readable_id",
    "reseal_identity",
    "shown_name",
]
