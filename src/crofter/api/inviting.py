"""Invites, and the network they lead into, as their owner sees them."""

from typing import Annotated, Protocol

import msgspec

from .people import PersonSummary


class NewInvite(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be given out."""

    uses: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    """How many nodes may join by it."""
    days: Annotated[int, msgspec.Meta(ge=1, le=7)] = 1


class InviteSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An invite of this node, without what makes it one."""

    name: str
    made_at: float
    """Unix seconds."""
    expires_at: float
    uses_left: int
    used_by: tuple[str, ...]
    """Ids of the nodes that came in by it."""


class CreatedInvite(msgspec.Struct, frozen=True, kw_only=True):
    """The only time its text is seen: whoever has it can join."""

    text: str
    invite: InviteSummary

    def __repr__(self) -> str:
        return f"CreatedInvite({self.invite.name})"


class InviteText(msgspec.Struct, frozen=True, kw_only=True):
    """An invite of another node, to be used."""

    text: Annotated[str, msgspec.Meta(max_length=4_000)]
    switch: bool = False
    """Whether to leave the network this node is in, and the nodes that it knows there."""

    def __repr__(self) -> str:
        return f"InviteText(switch={self.switch})"


class NetworkMembership(msgspec.Struct, frozen=True, kw_only=True):
    """Which network this node is in."""

    tag: str
    """As `NetworkStatus.network`."""


class InviteAdministration(Protocol):
    """Every method raises CrofterError when it cannot do what it says."""

    def all(self) -> list[InviteSummary]: ...
    def issue(self, new: NewInvite) -> CreatedInvite: ...
    def revoke(self, name: str) -> InviteSummary:
        """Nobody joins by it any more; who has joined stays."""
        ...


class MembershipAdministration(Protocol):
    """The same, for the network that this node is in."""

    async def make(self) -> NetworkMembership:
        """Begin a private network of which this node is the first."""
        ...

    async def leave(self) -> NetworkMembership:
        """Back to the open one."""
        ...

    async def join(self, invite: InviteText) -> PersonSummary:
        """Pair with the node that invites, in its network."""
        ...
