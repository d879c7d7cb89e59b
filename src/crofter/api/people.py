"""Other nodes and pools as their owner sees them."""

from typing import Annotated, Literal, Protocol

import msgspec

Addresses = Annotated[tuple[str, ...], msgspec.Meta(max_length=16)]
"""`ip:port` or `[ip]:port`; none: the node is found in other ways, or connects by itself."""


class PersonSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A node that this one knows."""

    id: str
    fingerprint: str
    name: str
    """The owner's name for it; empty until it is paired or named."""
    their_name: str
    """What it calls itself: anyone may say anything here."""
    state: Literal["trusted", "asked_us", "asked", "blocked", "stranger"]
    """`asked_us`: it waits for this node's owner; `asked`: we wait for its."""
    known_at: float
    """Unix seconds."""
    seen_at: float | None = None
    problem: str = ""
    """Why it could not be told just now; it is told again."""


class NewPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A node to be paired with."""

    id: str
    """Its id in either form."""
    name: str = ""
    """What to call it; empty: what it calls itself once it is paired."""
    addresses: Addresses = ()


class PersonChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided anew."""

    name: str


class PairingCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code that this node shows, and what has come of it."""

    code: str
    expires_at: float
    """Unix seconds."""
    wrong_guesses: int
    ended: bool
    paired_with: str
    """The id of the node where it was typed; empty: none yet."""


class TypedCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code that another node shows."""

    code: str
    id: str = ""
    """Whose it is; empty: of a node that is known or connected."""
    name: str = ""
    """What to call it."""
    addresses: Addresses = ()
    """Where the node with `id` is."""


class PoolMember(msgspec.Struct, frozen=True, kw_only=True):
    """A node in a pool, or asked to be."""

    id: str
    fingerprint: str
    name: str
    state: Literal["owner", "member", "invited"]


class PoolSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A pool that this node owns, is in, or is invited to."""

    id: str
    name: str
    role: Literal["owner", "member", "invited"]
    owner: str
    members: tuple[PoolMember, ...]
    """With the owner; of an invitation only the owner is known."""
    expires_at: float | None
    """Until when its list of members holds, in Unix seconds; None: it does not, and nobody is trusted by it."""
    problem: str = ""
    """Whom the news could not reach just now."""


class NewPool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool to be made."""

    name: str


class PoolMemberName(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be invited or removed."""

    member: Annotated[str, msgspec.Meta(min_length=1)]
    """Its name, id or fingerprint."""


class PeopleAdministration(Protocol):
    """Every method raises CrofterError when it cannot do what it says. People are named by name, id or fingerprint."""

    def all(self) -> list[PersonSummary]: ...
    def get(self, name: str) -> PersonSummary: ...
    async def add(self, new: NewPerson) -> PersonSummary:
        """Say yes to a node, and tell it."""
        ...

    async def accept(self, name: str) -> PersonSummary: ...
    async def refuse(self, name: str) -> PersonSummary: ...
    async def block(self, name: str) -> PersonSummary:
        """An id that is not known can be blocked too."""
        ...

    async def forget(self, name: str) -> PersonSummary: ...
    def rename(self, name: str, change: PersonChange) -> PersonSummary: ...
    def show_code(self) -> PairingCode: ...
    def code(self) -> PairingCode: ...
    def withdraw_code(self) -> PairingCode: ...
    async def use_code(self, typed: TypedCode) -> PersonSummary: ...


class PoolAdministration(Protocol):
    """Every method raises CrofterError when it cannot do what it says. Pools are named by name or id."""

    def all(self) -> list[PoolSummary]: ...
    def get(self, name: str) -> PoolSummary: ...
    def create(self, new: NewPool) -> PoolSummary: ...
    async def invite(self, name: str, member: str) -> PoolSummary: ...
    async def remove(self, name: str, member: str) -> PoolSummary: ...
    async def accept(self, name: str) -> PoolSummary: ...
    async def leave(self, name: str) -> PoolSummary: ...
