"""How a node's id is written: for people, for other programs, and short for lists."""

import re

from crofter.core import NODE_ID_BYTES, CrofterError, ErrorCode, NodeId

from .base58 import decode_base58, encode_base58
from .bech32m import CHECKSUM_CHARACTERS, decode_bech32m, encode_bech32m

_DID = "did:key:z"
_MULTICODEC_ED25519 = b"\xed\x01"
_PREFIX = "croft"
_START = f"{_PREFIX}1"
_GROUP_CHARACTERS = 4
_CODE_CHARACTERS = -(-NODE_ID_BYTES * 8 // 5) + CHECKSUM_CHARACTERS
_FINGERPRINT_CHARACTERS = 8
_LONGEST_TEXT = 200
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212]")
# What is not in the alphabet and looks or sounds like something that is. The prefix and its separator change with it.
_LOOK_ALIKES = str.maketrans("oi1b", "0ll8")


def did_key(node_id: NodeId) -> str:
    """As a W3C `did:key`, which other programs read."""
    return _DID + encode_base58(_MULTICODEC_ED25519 + node_id)


def readable_id(node_id: NodeId) -> str:
    """For people: `croft1`, 13 groups of four, and six check characters. Without its dashes it is plain Bech32m."""
    code = encode_bech32m(_PREFIX, node_id).removeprefix(_START)
    body, check = code[:-CHECKSUM_CHARACTERS], code[-CHECKSUM_CHARACTERS:]
    return "-".join((_START, *_groups(body), check))


def fingerprint(node_id: NodeId) -> str:
    """The first eight characters, for lists and messages. Somebody can make a key with the same ones: never decide by it."""
    code = encode_bech32m(_PREFIX, node_id).removeprefix(_START)
    return "-".join(_groups(code[:_FINGERPRINT_CHARACTERS]))


def parse_node_id(text: str) -> NodeId:
    """The id in either form. A did:key must be exact; case, spaces, dashes and look-alikes of the readable form do not matter.

    Raises INVALID_REQUEST, saying what is wrong with it.
    """
    if len(text) > _LONGEST_TEXT:
        raise _refusal(f"a node's id has {len(_START) + _CODE_CHARACTERS} characters, and this has {len(text)}")
    text = text.strip()
    return _from_did_key(text) if text.startswith("did:") else _from_readable(text)


def _from_did_key(text: str) -> NodeId:
    body = text.removeprefix(_DID)
    try:
        content = decode_base58(body)
    except ValueError:
        content = b""
    # A key in another multicodec, of another length, or written another way than it is written here, is another id.
    key = NodeId(content.removeprefix(_MULTICODEC_ED25519))
    if len(key) != NODE_ID_BYTES or did_key(key) != text:
        raise _refusal(f"this is not the did:key of a node, which begins with {_DID}6Mk; it may be mistyped")
    return key


def _from_readable(text: str) -> NodeId:
    code = _SEPARATORS.sub("", text).lower().translate(_LOOK_ALIKES)
    start = _START.translate(_LOOK_ALIKES)
    if not code.startswith(start):
        raise _refusal(f"a node's id begins with {_START} or {_DID}")
    code = code.removeprefix(start)
    if len(code) != _CODE_CHARACTERS:
        raise _refusal(f"after {_START} a node's id has {_CODE_CHARACTERS} characters, and this has {len(code)}")
    try:
        return NodeId(decode_bech32m(_PREFIX, code))
    except ValueError as error:
        raise _refusal(f"this is no node's id: {error}") from error


def _groups(code: str) -> list[str]:
    return [code[at : at + _GROUP_CHARACTERS] for at in range(0, len(code), _GROUP_CHARACTERS)]


def _refusal(message: str) -> CrofterError:
    return CrofterError(ErrorCode.INVALID_REQUEST, f"{message}.", parameter="id")
