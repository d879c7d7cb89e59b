"""Where invites are given out and used: whoever brings the token of one that holds has this owner's yes."""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Annotated

import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.store import InviteRecord, InviteRecords, InviteUse

from .people import People

INVITE_TOKEN_BYTES = 16
LONGEST_INVITE_SECONDS = 7 * 86_400
MOST_INVITES = 64
MOST_USES = 256
_NAME_CHARACTERS = 8


class Join(msgspec.Struct, frozen=True):
    """A node asks to be let in by an invite. Safe to repeat."""

    token: Annotated[bytes, msgspec.Meta(min_length=INVITE_TOKEN_BYTES, max_length=INVITE_TOKEN_BYTES)]


class Joined(msgspec.Struct, frozen=True):
    """It has the owner's yes; the rest is said by `Stance`, as in any pairing."""


class InviteDesk:
    """Keeps the hashes of tokens, so that nobody can join by what is on this disk."""

    def __init__(self, people: People, records: InviteRecords, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds, and is the one of `people`."""
        self._people = people
        self._records = records
        self._clock = clock

    def issue(self, uses: int, seconds: float) -> tuple[bytes, InviteRecord]:
        """A new token, good for so many nodes and so long. Raises CONFLICT if as many invites as may be are open.

        Raises ValueError for more uses or seconds than may be.
        """
        if not (0 < uses <= MOST_USES and 0 < seconds <= LONGEST_INVITE_SECONDS):
            raise ValueError("an invite is for some nodes, and for a week at most")
        self._make_room()
        token, now = secrets.token_bytes(INVITE_TOKEN_BYTES), self._clock()
        invite = InviteRecord(digest=_digest(token), made_at=now, expires_at=int(now + seconds), uses_left=uses)
        self._records.add(invite)
        return token, invite

    def all(self) -> list[InviteRecord]:
        """Those that are not out of date, oldest first; used up or not."""
        self._records.remove_expired(self._clock())
        return self._records.all()

    def uses(self, invite: InviteRecord) -> list[InviteUse]:
        """Who came in by one."""
        return self._records.uses(invite.digest)

    def find(self, name: str) -> InviteRecord:
        """The one that `invite_name` gives this name. Raises NOT_FOUND."""
        invite = next((invite for invite in self.all() if invite_name(invite) == name.strip().lower()), None)
        if invite is None:
            message = f"no invite of this node is called {name} (`crofter invite ls` lists them)."
            raise CrofterError(ErrorCode.NOT_FOUND, message, parameter="name")
        return invite

    def revoke(self, invite: InviteRecord) -> None:
        """Let nobody in by it any more; who is in stays."""
        self._records.remove(invite.digest)

    def join(self, caller: NodeId, join: Join) -> Joined:
        """Say yes to whoever brings the token. Raises FORBIDDEN if it is none, or none any more.

        The use is on disk, with who used it, before the yes is: after a crash between the two nobody else can have it, and the same
        node asks again. Who was forgotten or refused since cannot come back by the use it had.
        """
        digest = _digest(join.token)
        if all(invite.digest != digest for invite in self.all()):
            raise _not_good()
        decision = self._people.decision(caller)
        if decision.agrees:
            return Joined()
        used_at = next((use.used_at for use in self._records.uses(digest) if use.node_id == caller), None)
        if used_at is not None and decision.at > used_at * 1000:
            raise _not_good()
        if used_at is None and not self._records.use(digest, caller, self._clock()):
            raise _not_good()
        self._people.agree(caller)
        return Joined()

    def _make_room(self) -> None:
        """Of those used up the oldest goes, which is kept only so that its users may ask again."""
        invites = self.all()
        if len(invites) < MOST_INVITES:
            return
        used_up = next((invite for invite in invites if not invite.uses_left), None)
        if used_up is None:
            message = f"{MOST_INVITES} invites are open: revoke some first (`crofter invite ls`)."
            raise CrofterError(ErrorCode.CONFLICT, message)
        self._records.remove(used_up.digest)


def invite_name(invite: InviteRecord) -> str:
    """What to call it: says nothing of its token."""
    return invite.digest.hex()[:_NAME_CHARACTERS]


def _digest(token: bytes) -> bytes:
    """Compared instead of the token, it gives away nothing by how long that takes. The token is random, so no salt is needed."""
    return hashlib.sha256(token).digest()


def _not_good() -> CrofterError:
    """The same whatever the reason, so that a stranger learns none."""
    message = "this invite is not good here any more: it was used, withdrawn or is out of date. Ask for a new one."
    return CrofterError(ErrorCode.FORBIDDEN, message, parameter="invite")
