"""A pairing code as people say it: twelve digits, three of which tell whose it is, eight are secret, and one finds a slip."""

import hashlib
import re
import secrets

from crofter.core import CrofterError, ErrorCode, NodeId

_TAG_DIGITS = 3
_SECRET_DIGITS = 8
"""Three guesses in 10^8, and no way to try one without asking."""
_DIGITS = _TAG_DIGITS + _SECRET_DIGITS + 1
_GROUP = 4
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212]")

# H. M. Damm, "Totally anti-symmetric quasigroups" (2004): finds every single wrong digit and every swap of neighbours.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def make_code(node_id: NodeId) -> str:
    """A new one for this node to show, digits only."""
    body = _tag(node_id) + f"{secrets.randbelow(10**_SECRET_DIGITS):0{_SECRET_DIGITS}d}"
    return body + str(_check(body))


def shown_code(code: str) -> str:
    """`1234-5678-9012`."""
    return "-".join(code[at : at + _GROUP] for at in range(0, _DIGITS, _GROUP))


def parse_code(text: str) -> str:
    """The digits of what somebody typed. Raises INVALID_REQUEST before anybody is asked, so that a slip costs no guess."""
    digits = _SEPARATORS.sub("", text)
    if len(digits) != _DIGITS or not (digits.isascii() and digits.isdigit()):
        raise CrofterError(ErrorCode.INVALID_REQUEST, f"a pairing code has {_DIGITS} digits.", parameter="code")
    if _check(digits):
        message = "a digit of this code is mistyped: its check digit does not fit."
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="code")
    return digits


def may_be_of(code: str, node_id: NodeId) -> bool:
    """Whether the code can be this node's: one in a thousand others is taken for it. Which node it is only the exchange shows."""
    return code.startswith(_tag(node_id))


def _tag(node_id: NodeId) -> str:
    number = int.from_bytes(hashlib.sha256(b"crofter pairing code\0" + node_id).digest()) % 10**_TAG_DIGITS
    return f"{number:0{_TAG_DIGITS}d}"


def _check(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim
