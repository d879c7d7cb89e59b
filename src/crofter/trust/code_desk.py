"""Where a pairing code is shown: one at a time, for some minutes, for a few tries over all who ask."""

import time
from collections.abc import Callable

import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId

from .code import make_code, shown_code
from .code_exchange import CodeExchange, CodeHello, CodeProof
from .people import People

CODE_SECONDS = 600.0
MOST_WRONG = 3
MOST_EXCHANGES = 20
"""Begun over a code's life, by everybody together: each costs about 10 ms."""
_MOST_OPEN = 4


class ShownCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code and what has come of it."""

    code: str
    expires_at: float
    wrong_guesses: int = 0
    paired_with: NodeId | None = None
    ended: bool = False
    """By use, by wrong guesses, by too many tries, or by time."""


class CodeDesk:
    """What callers may ask of the node that shows a code; a right one makes its owner's yes, and theirs follows by `Stance`."""

    def __init__(self, people: People, own_id: NodeId, *, clock: Callable[[], float] = time.time) -> None:
        self._people = people
        self._own_id = own_id
        self._clock = clock
        self._digits = ""
        self._begun = 0
        self._open: dict[NodeId, CodeExchange] = {}
        self._shown: ShownCode | None = None

    def show(self) -> ShownCode:
        """A new code; the one before it ends."""
        self._digits = make_code(self._own_id)
        self._begun = 0
        self._open = {}
        self._shown = ShownCode(code=shown_code(self._digits), expires_at=self._clock() + CODE_SECONDS)
        return self._shown

    def withdraw(self) -> None:
        """Let the code be tried no more."""
        self._end()

    def shown(self) -> ShownCode | None:
        """The last one of this run, whatever came of it."""
        if self._shown and self._clock() >= self._shown.expires_at:
            self._end()
        return self._shown

    def hello(self, caller: NodeId, hello: CodeHello) -> CodeHello:
        """Begin a try. Raises FORBIDDEN if no code is shown or this is no share of an exchange."""
        shown = self._required()
        self._begun += 1
        if self._begun > MOST_EXCHANGES:
            self._end()
            raise _nothing_shown()
        exchange = CodeExchange(self._digits, typed_by=caller, shown_by=self._own_id, own_id=self._own_id)
        try:
            exchange.meet(hello)
        except ValueError as error:
            self._guessed_wrong(shown)
            raise CrofterError(ErrorCode.FORBIDDEN, "this is no share of an exchange.") from error
        self._open.pop(caller, None)
        if len(self._open) >= _MOST_OPEN:
            del self._open[next(iter(self._open))]
        self._open[caller] = exchange
        return exchange.hello

    def prove(self, caller: NodeId, proof: CodeProof) -> CodeProof:
        """End a try: a right proof is answered by ours, and pairs. Raises FORBIDDEN, and counts what is wrong."""
        shown = self._required()
        exchange = self._open.pop(caller, None)
        if exchange is None:
            raise _nothing_shown()
        if not exchange.holds(proof):
            self._guessed_wrong(shown)
            raise CrofterError(ErrorCode.FORBIDDEN, "the code is another.")
        self._people.agree(caller)
        self._shown = msgspec.structs.replace(shown, paired_with=caller)
        self._end()
        return exchange.proof()

    def _required(self) -> ShownCode:
        shown = self.shown()
        if shown is None or shown.ended:
            raise _nothing_shown()
        return shown

    def _guessed_wrong(self, shown: ShownCode) -> None:
        self._shown = msgspec.structs.replace(shown, wrong_guesses=shown.wrong_guesses + 1)
        if self._shown.wrong_guesses >= MOST_WRONG:
            self._end()

    def _end(self) -> None:
        self._digits = ""
        self._open = {}
        if self._shown and not self._shown.ended:
            self._shown = msgspec.structs.replace(self._shown, ended=True)


def _nothing_shown() -> CrofterError:
    """The same whatever the reason, so that a stranger learns none."""
    return CrofterError(ErrorCode.FORBIDDEN, "no pairing code is shown here.")
