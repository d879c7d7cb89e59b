"""The pools this node owns, is in, or is invited to, kept in the store. Every change is on disk before it counts."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Literal, TypeVar

import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.store import PoolRecords

from .identity import Identity
from .pool_papers import LIST_SECONDS, CheckedList, MemberList, Membership, Signed, read_list, signed_list

_RENEW_SECONDS = LIST_SECONDS / 3

_Paper = TypeVar("_Paper")


class Pool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pool as this node knows it."""

    pool_id: bytes
    name: str
    owner: NodeId
    role: Literal["owner", "member", "invited"]
    members: dict[str, Membership] = {}
    """The owner's own account, by the ids in hexadecimal."""
    invited: dict[str, Signed] = {}
    """Whom the owner has asked and who has not accepted."""
    version: int = 0
    """Of the newest list; no lower one is taken."""
    invitation: Signed | None = None
    """Ours, until the owner's list names us."""
    newest: Signed | None = None
    """The newest list, as the owner signed it."""


class PoolBook:
    """Held in memory whole; reading who is a member asks nothing of the disk."""

    def __init__(self, records: PoolRecords, identity: Identity, clock: Callable[[], float]) -> None:
        """`clock` gives Unix seconds. Raises STORE_FAILED."""
        self._records = records
        self._identity = identity
        self._clock = clock
        kept = (msgspec.json.decode(facts, type=Pool) for facts in records.all())
        self._pools = {pool.pool_id: pool for pool in kept}
        self._lists: dict[bytes, CheckedList] = {}
        for pool in self._pools.values():
            self._read(pool)

    def all(self) -> list[Pool]:
        """By name."""
        return sorted(self._pools.values(), key=lambda pool: (pool.name.casefold(), pool.pool_id))

    def get(self, pool_id: bytes) -> Pool | None:
        """The pool with this id."""
        return self._pools.get(pool_id)

    def find(self, text: str) -> Pool:
        """A pool by its name, or by its id in hexadecimal. Raises NOT_FOUND, CONFLICT."""
        found = [pool for pool in self.all() if text.casefold() in {pool.name.casefold(), pool.pool_id.hex()}]
        if not found:
            message = f"no pool is called {text!r} (`crofter pool ls`)."
            raise CrofterError(ErrorCode.NOT_FOUND, message, parameter="name")
        if len(found) > 1:
            ids = ", ".join(f"{pool.pool_id.hex()} ({pool.role})" for pool in found)
            message = f"several pools are called {text!r}; give an id: {ids}"
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="name")
        return found[0]

    def member_ids(self, pool: Pool) -> frozenset[NodeId]:
        """Whom a pool makes trusted now, ourselves among them; none when the list has expired or we are only invited."""
        if pool.role == "owner":
            return frozenset({pool.owner, *(NodeId(bytes.fromhex(member)) for member in pool.members)})
        known = self._holding(pool)
        return known.member_ids | {pool.owner} if known else frozenset()

    def is_member(self, node_id: NodeId) -> bool:
        """Whether any of the pools makes this node trusted now. Asked for every message, so nothing is built for it."""
        return any(self.is_in(pool, node_id) for pool in self._pools.values())

    def is_in(self, pool: Pool, node_id: NodeId) -> bool:
        """Whether it is one of `member_ids`."""
        if pool.role == "owner":
            return node_id == pool.owner or node_id.hex() in pool.members
        known = self._holding(pool)
        return known is not None and (node_id == pool.owner or node_id in known.member_ids)

    def expires_at(self, pool: Pool) -> float | None:
        """Until when its newest list holds; None if there is none that does."""
        known = self._lists.get(pool.pool_id)
        return known.paper.expires_at if known and self._clock() < known.paper.expires_at else None

    def is_stale(self, pool: Pool) -> bool:
        """Whether its list is a third through its hour."""
        known = self._lists.get(pool.pool_id)
        return known is None or self._clock() >= known.paper.issued_at + _RENEW_SECONDS

    def keep(self, pool: Pool) -> Pool:
        """What is known of it now."""
        self._records.save(pool.pool_id, msgspec.json.encode(pool).decode())
        self._pools[pool.pool_id] = pool
        self._read(pool)
        return pool

    def drop(self, pool: Pool) -> None:
        """Keep nothing of it."""
        self._records.remove(pool.pool_id)
        self._pools.pop(pool.pool_id, None)
        self._lists.pop(pool.pool_id, None)

    def signed(self, pool: Pool) -> Pool:
        """A pool of ours with a list of now. Versions are times, so that a store put back from a backup is not behind its own lists."""
        now = self._clock()
        version = max(pool.version + 1, int(now * 1000))
        paper = MemberList(
            pool_id=pool.pool_id,
            pool_name=pool.name,
            owner=pool.owner,
            version=version,
            issued_at=int(now),
            expires_at=int(now) + LIST_SECONDS,
            members=tuple(pool.members.values()),
        )
        return msgspec.structs.replace(pool, version=version, newest=signed_list(self._identity, paper))

    def without(self, pool: Pool, member: NodeId) -> Pool:
        """A pool of ours, a member or an invitation less, kept and signed."""
        return self.keep(
            self.signed(
                msgspec.structs.replace(
                    pool, members=_less(pool.members.items(), member), invited=_less(pool.invited.items(), member)
                )
            )
        )

    def _read(self, pool: Pool) -> None:
        self._lists.pop(pool.pool_id, None)
        if pool.newest is not None:
            # One that expired while the node was off is asked for anew.
            with suppress(ValueError):
                self._lists[pool.pool_id] = read_list(pool.newest, self._clock())

    def _holding(self, pool: Pool) -> CheckedList | None:
        """The list by which its owner vouches for the members now."""
        known = self._lists.get(pool.pool_id)
        holds = pool.role == "member" and known is not None and self._clock() < known.paper.expires_at
        return known if holds else None


def _less(papers: Iterable[tuple[str, _Paper]], member: NodeId) -> dict[str, _Paper]:
    return {key: paper for key, paper in papers if key != member.hex()}
