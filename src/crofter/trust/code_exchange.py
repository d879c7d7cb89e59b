"""One run of SPAKE2 (RFC 9382) over a short code, between the node that shows it and the node where it is typed.

Whoever does not know the code learns nothing that could be tried off line: each run tests one guess, and the one who shows the code
sees it fail. The ids of both, as the transport has proven them to each side, are part of the key: relayed by a third, the two sides
have different keys, and neither proof holds.
"""

import hmac
from typing import Annotated, Protocol, cast

import msgspec

from crofter.core import NodeId

MESSAGE_BYTES = 33
PROOF_BYTES = 32

_CONTEXT = b"crofter pairing code 1\0"
_TYPED = b"the code was typed here"
_SHOWN = b"the code was shown here"


class CodeHello(msgspec.Struct, frozen=True, kw_only=True):
    """A side's share of the exchange: a point of the curve, hidden by the code."""

    message: Annotated[bytes, msgspec.Meta(min_length=MESSAGE_BYTES, max_length=MESSAGE_BYTES)]


class CodeProof(msgspec.Struct, frozen=True, kw_only=True):
    """That a side has the key, and so knew the code; each side's is another."""

    proof: Annotated[bytes, msgspec.Meta(min_length=PROOF_BYTES, max_length=PROOF_BYTES)]


class _Spake2(Protocol):
    """The part of the library that is used; it has no types."""

    def start(self) -> bytes: ...
    def finish(self, message: bytes, /) -> bytes: ...


class CodeExchange:
    """One side of one run; never used twice."""

    def __init__(self, code: str, *, typed_by: NodeId, shown_by: NodeId, own_id: NodeId) -> None:
        # Where a node starts it is not needed; the curve's constants take a while.
        from spake2 import SPAKE2_A, SPAKE2_B

        side = SPAKE2_A if own_id == typed_by else SPAKE2_B
        self._is_typed_here = own_id == typed_by
        self._run = cast("_Spake2", side(_CONTEXT + code.encode(), idA=typed_by, idB=shown_by))
        self.hello = CodeHello(message=self._run.start())
        self._key = b""

    def meet(self, hello: CodeHello) -> None:
        """Take the other side's share. Raises ValueError for what no honest node sends."""
        from spake2 import SPAKEError

        try:
            self._key = self._run.finish(hello.message)
        except SPAKEError as error:
            raise ValueError(f"not the other side's message: {error!r}") from error

    def proof(self) -> CodeProof:
        """Ours, once the other side's share is here."""
        return CodeProof(proof=self._proof_of(_TYPED if self._is_typed_here else _SHOWN))

    def holds(self, theirs: CodeProof) -> bool:
        """Whether the other side knew the code."""
        return hmac.compare_digest(theirs.proof, self._proof_of(_SHOWN if self._is_typed_here else _TYPED))

    def _proof_of(self, label: bytes) -> bytes:
        if not self._key:
            raise RuntimeError("there is no key before the other side's share")
        return hmac.digest(self._key, _CONTEXT + label, "sha256")
