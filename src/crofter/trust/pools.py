"""Pools: a named group whose owner decides who is in it, and where everyone in it is trusted by everyone.

What a member decides, a caller may say and the time brings; what is to be said to whom comes back as mail, and whoever carries it may
lose it: members ask for the list when it has not come.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.store import PoolRecords

from .identity import Identity
from .plan import clean_name
from .pool_book import Pool, PoolBook
from .pool_messages import PoolAsk, PoolInvite, PoolJoin, PoolLeave, PoolNews
from .pool_papers import (
    INVITATION_SECONDS,
    MOST_MEMBERS,
    POOL_ID_BYTES,
    Invitation,
    accepted_invitation,
    read_invitation,
    read_list,
    read_membership,
    signed_invitation,
    unchecked_list,
)

MOST_POOLS = 48
MOST_INVITATIONS = 16
"""Of those, how many may be invitations that wait for this node's owner."""

_Paper = TypeVar("_Paper")


class Mail(NamedTuple):
    """A message that should reach somebody, if they can be reached."""

    to: NodeId
    message: PoolInvite | PoolNews | PoolLeave


class Pools:
    """What the owner does, what peers may say, and what the hour brings. For the event loop only."""

    def __init__(self, records: PoolRecords, identity: Identity, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds. Raises STORE_FAILED."""
        self.book = PoolBook(records, identity, clock)
        self._identity = identity
        self._own_id = identity.node_id
        self._clock = clock

    def is_member(self, node_id: NodeId) -> bool:
        """Whether any of our pools makes this node trusted now."""
        return self.book.is_member(node_id)

    def member_ids(self) -> set[NodeId]:
        """Everybody whom our pools make trusted now, besides ourselves."""
        return {each for pool in self.book.all() for each in self.book.member_ids(pool)} - {self._own_id}

    def create(self, name: str) -> Pool:
        """A pool of our own. Raises CONFLICT if one has the name or there are too many, INVALID_REQUEST for an empty name."""
        name, pools = clean_name(name), self.book.all()
        if not name:
            raise CrofterError(ErrorCode.INVALID_REQUEST, "a pool needs a name.", parameter="name")
        if any(pool.name.casefold() == name.casefold() for pool in pools):
            raise CrofterError(ErrorCode.CONFLICT, f"there is a pool called {name!r} already.", parameter="name")
        if len(pools) >= MOST_POOLS:
            raise CrofterError(ErrorCode.CONFLICT, f"a node has at most {MOST_POOLS} pools: leave one first.")
        pool_id = secrets.token_bytes(POOL_ID_BYTES)
        return self.book.keep(Pool(pool_id=pool_id, name=name, owner=self._own_id, role="owner"))

    def invite(self, pool: Pool, member: NodeId) -> Mail:
        """Ask a node to join a pool of ours; asked again it gets a new invitation. Raises FORBIDDEN, CONFLICT."""
        _require_own(pool)
        if member == self._own_id or member.hex() in pool.members:
            raise CrofterError(ErrorCode.CONFLICT, f"it is in {pool.name!r} already.", parameter="member")
        if len(pool.members.keys() | pool.invited.keys() - {member.hex()}) >= MOST_MEMBERS:
            message = f"a pool has at most {MOST_MEMBERS} members."
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="member")
        now = int(self._clock())
        paper = Invitation(
            pool_id=pool.pool_id,
            pool_name=pool.name,
            owner=self._own_id,
            member=member,
            issued_at=now,
            expires_at=now + INVITATION_SECONDS,
        )
        invitation = signed_invitation(self._identity, paper)
        self.book.keep(msgspec.structs.replace(pool, invited=pool.invited | {member.hex(): invitation}))
        return Mail(member, PoolInvite(invitation=invitation))

    def accept(self, pool: Pool) -> PoolJoin:
        """What to say to the owner of a pool we are invited to. Raises CONFLICT without an invitation that holds."""
        if pool.role != "invited" or pool.invitation is None:
            message = f"there is no invitation to {pool.name!r} to accept."
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="name")
        if self._clock() >= read_invitation(pool.invitation).expires_at:
            message = f"the invitation to {pool.name!r} has expired: ask for another."
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="name")
        return PoolJoin(membership=accepted_invitation(self._identity, pool.invitation))

    def leave(self, pool: Pool) -> list[Mail]:
        """Be in a pool no more, or refuse an invitation; a pool of our own ends for everybody."""
        self.book.drop(pool)
        if pool.role != "owner":
            return [Mail(pool.owner, PoolLeave(pool_id=pool.pool_id))]
        ended = self.book.signed(msgspec.structs.replace(pool, members={}))
        return _news(ended, pool.members.keys() | pool.invited.keys())

    def remove(self, pool: Pool, member: NodeId) -> list[Mail]:
        """Have a node in our pool no more: here at once, elsewhere with the news. Raises FORBIDDEN, NOT_FOUND."""
        _require_own(pool)
        if member.hex() not in pool.members.keys() | pool.invited.keys():
            raise CrofterError(ErrorCode.NOT_FOUND, f"it is not in {pool.name!r}.", parameter="member")
        return _news(self.book.without(pool, member), pool.members.keys() | {member.hex()})

    def renewed(self) -> list[Mail]:
        """Sign what is a third through its hour, for every member of the pools we own."""
        mail: list[Mail] = []
        for pool in self.book.all():
            if pool.role == "owner" and pool.members and self.book.is_stale(pool):
                mail += _news(self.book.keep(self.book.signed(pool)), pool.members)
        return mail

    def asking(self) -> list[tuple[list[NodeId], PoolAsk]]:
        """Which lists to ask for now, and whom, the owner first: those that have not come for a third of their hour."""
        asking: list[tuple[list[NodeId], PoolAsk]] = []
        for pool in self.book.all():
            if pool.role == "member" and self.book.is_stale(pool):
                others = sorted(self.book.member_ids(pool) - {self._own_id, pool.owner})
                asking.append(([pool.owner, *others], PoolAsk(pool_id=pool.pool_id)))
        return asking

    def invited(self, caller: NodeId, message: PoolInvite) -> None:
        """Somebody invites us: shown to our owner. Raises FORBIDDEN if it is not the caller's, not for us, expired or one too many."""
        paper, pools = _checked(lambda: read_invitation(message.invitation)), self.book.all()
        known = self.book.get(paper.pool_id)
        is_for_us = paper.owner == caller and paper.member == self._own_id
        if not is_for_us or self._clock() >= paper.expires_at or (known is not None and known.owner != caller):
            raise _refusal("this invitation is not for this node")
        waiting = sum(pool.role == "invited" for pool in pools)
        if known is None and (waiting >= MOST_INVITATIONS or len(pools) >= MOST_POOLS):
            raise _refusal("too many invitations wait here")
        self.book.keep(
            Pool(
                pool_id=paper.pool_id,
                name=clean_name(paper.pool_name) or paper.pool_id.hex(),
                owner=caller,
                role="invited",
                # Whom the owner invites again is not in the pool; the lists from before stay old.
                version=known.version if known else 0,
                invitation=message.invitation,
            )
        )

    def joined(self, caller: NodeId, message: PoolJoin) -> tuple[PoolNews, list[Mail]]:
        """Somebody accepts: the list for them, and the news for the others. An invitation is good once. Raises FORBIDDEN."""
        paper = _checked(lambda: read_membership(message.membership))
        pool, key = self.book.get(paper.pool_id), caller.hex()
        if pool is None or pool.role != "owner" or paper.member != caller:
            raise _refusal("there is no such invitation")
        if pool.members.get(key) == message.membership:
            return self._current(pool), []
        if pool.invited.get(key) != message.membership.invitation or self._clock() >= paper.expires_at:
            raise _refusal("there is no such invitation")
        others = list(pool.members)
        members = pool.members | {key: message.membership}
        invited = {member: invitation for member, invitation in pool.invited.items() if member != key}
        pool = self.book.keep(self.book.signed(msgspec.structs.replace(pool, members=members, invited=invited)))
        return _current_news(pool), _news(pool, others)

    def asked(self, caller: NodeId, message: PoolAsk) -> PoolNews:
        """A member asks how the pool is. Raises FORBIDDEN for others, as if there were no such pool."""
        pool = self.book.get(message.pool_id)
        if pool is None or not self.book.is_in(pool, caller):
            raise _refusal("there is no such pool")
        return self._current(pool)

    def heard(self, message: PoolNews) -> None:
        """A list, from whoever: its owner's signature counts. Old ones change nothing. Raises FORBIDDEN for one that does not hold."""
        claimed = _checked(lambda: unchecked_list(message.members))
        pool = self.book.get(claimed.pool_id)
        # Before the signatures, which are up to 129.
        if pool is None or pool.role == "owner" or pool.owner != claimed.owner:
            return
        checked = _checked(lambda: read_list(message.members, self._clock()))
        paper = checked.paper
        if paper.version <= pool.version:
            return
        if self._own_id in checked.member_ids:
            self.book.keep(
                msgspec.structs.replace(
                    pool, role="member", version=paper.version, newest=message.members, invitation=None
                )
            )
        elif pool.invitation is None or paper.issued_at >= read_invitation(pool.invitation).issued_at:
            self.book.drop(pool)

    def left(self, caller: NodeId, message: PoolLeave) -> list[Mail]:
        """A member leaves a pool of ours, or refuses to come: the news for the others. From anybody else it changes nothing."""
        pool = self.book.get(message.pool_id)
        if pool is None or pool.role != "owner" or caller.hex() not in pool.members.keys() | pool.invited.keys():
            return []
        left = self.book.without(pool, caller)
        return _news(left, left.members)

    def _current(self, pool: Pool) -> PoolNews:
        if pool.role == "owner" and self.book.is_stale(pool):
            pool = self.book.keep(self.book.signed(pool))
        return _current_news(pool)


def _current_news(pool: Pool) -> PoolNews:
    if pool.newest is None:
        raise _refusal("there is no list yet")
    return PoolNews(members=pool.newest)


def _news(pool: Pool, members: Iterable[str]) -> list[Mail]:
    news = _current_news(pool)
    return [Mail(NodeId(bytes.fromhex(member)), news) for member in sorted(members)]


def _checked(read: Callable[[], _Paper]) -> _Paper:
    try:
        return read()
    except ValueError as error:
        raise _refusal(str(error)) from error


def _require_own(pool: Pool) -> None:
    if pool.role != "owner":
        message = f"only the owner of {pool.name!r} decides who is in it."
        raise CrofterError(ErrorCode.FORBIDDEN, message, parameter="name")


def _refusal(message: str) -> CrofterError:
    return CrofterError(ErrorCode.FORBIDDEN, f"{message}.")
