"""What members of a pool sign and check: the owner's invitation, the member's acceptance, and the owner's list of members.

A signature is over the very bytes that travel, and has a purpose of its own, so that none can be taken for another.
"""

from typing import Annotated, TypeVar

import msgspec

from crofter.core import NODE_ID_BYTES, NodeId

from .identity import SIGNATURE_BYTES, Identity, is_signed
from .plan import MOST_NAME_CHARACTERS

POOL_ID_BYTES = 16
MOST_MEMBERS = 64
LIST_SECONDS = 3600
"""How long a list holds, and so how long a member that its removal did not reach is trusted at most."""
INVITATION_SECONDS = 7 * 86_400
SKEW_SECONDS = 120
"""By how much another node's clock may be ahead."""

_INVITATION = "pool-invitation"
_ACCEPTANCE = "pool-acceptance"
_LIST = "pool-list"

PoolId = Annotated[bytes, msgspec.Meta(min_length=POOL_ID_BYTES, max_length=POOL_ID_BYTES)]
_Id = Annotated[NodeId, msgspec.Meta(min_length=NODE_ID_BYTES, max_length=NODE_ID_BYTES)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME_CHARACTERS)]
_Signature = Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]


Paper = TypeVar("Paper")


class Signed(msgspec.Struct, frozen=True):
    """Bytes with their signature; whose, the bytes say."""

    body: Annotated[bytes, msgspec.Meta(max_length=64 * 1024)]
    signature: _Signature


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """The owner of a pool would have a node in it. Times in Unix seconds."""

    pool_id: PoolId
    pool_name: _Name
    owner: _Id
    member: _Id
    issued_at: int
    expires_at: int


class Membership(msgspec.Struct, frozen=True):
    """An invitation and the member's signature over it: neither side is in it against its will."""

    invitation: Signed
    acceptance: _Signature


class MemberList(msgspec.Struct, frozen=True, kw_only=True):
    """Who is in a pool, for an hour at most. A higher version takes the place of a lower one."""

    pool_id: PoolId
    pool_name: _Name
    owner: _Id
    version: Annotated[int, msgspec.Meta(ge=1)]
    issued_at: int
    expires_at: int
    members: Annotated[tuple[Membership, ...], msgspec.Meta(max_length=MOST_MEMBERS)]


class CheckedList(msgspec.Struct, frozen=True, kw_only=True):
    """A list whose signatures all hold, and the ids in it."""

    paper: MemberList
    member_ids: frozenset[NodeId]


def signed_invitation(owner: Identity, invitation: Invitation) -> Signed:
    """By the owner's key."""
    return _signed(owner, _INVITATION, invitation)


def accepted_invitation(member: Identity, invitation: Signed) -> Membership:
    """By the member's key, over the invitation with its signature."""
    return Membership(invitation, member.sign(_ACCEPTANCE, invitation.body + invitation.signature))


def signed_list(owner: Identity, members: MemberList) -> Signed:
    """By the owner's key."""
    return _signed(owner, _LIST, members)


def read_invitation(invitation: Signed) -> Invitation:
    """What its owner signed; whether it has expired is the caller's to ask. Raises ValueError if it is not as it should be."""
    read = _read(invitation.body, Invitation)
    if not is_signed(read.owner, _INVITATION, invitation.body, invitation.signature):
        raise ValueError("the invitation is not its owner's")
    return read


def read_membership(membership: Membership) -> Invitation:
    """The invitation that its member accepted. Raises ValueError if either signature does not hold."""
    invitation = read_invitation(membership.invitation)
    accepted = membership.invitation.body + membership.invitation.signature
    if not is_signed(invitation.member, _ACCEPTANCE, accepted, membership.acceptance):
        raise ValueError("the acceptance is not the member's")
    return invitation


def unchecked_list(members: Signed) -> MemberList:
    """What a list claims: enough to pass over the many signatures of one that nobody needs. Raises ValueError if it is none."""
    return _read(members.body, MemberList)


def read_list(members: Signed, now: float) -> CheckedList:
    """A list that holds now. Raises ValueError, saying why, if it does not: unsigned, expired, or good for too long."""
    paper = unchecked_list(members)
    if not is_signed(paper.owner, _LIST, members.body, members.signature):
        raise ValueError("the list is not its owner's")
    if now >= paper.expires_at or paper.issued_at > now + SKEW_SECONDS:
        raise ValueError("the list holds at another time")
    if paper.expires_at - paper.issued_at > LIST_SECONDS:
        raise ValueError("the list holds longer than one may")
    invitations = [read_membership(membership) for membership in paper.members]
    if any((invitation.pool_id, invitation.owner) != (paper.pool_id, paper.owner) for invitation in invitations):
        raise ValueError("a member was invited to another pool")
    return CheckedList(paper=paper, member_ids=frozenset(invitation.member for invitation in invitations))


def _read(body: bytes, kind: type[Paper]) -> Paper:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(f"this is no {kind.__name__}") from error


def _signed(identity: Identity, purpose: str, paper: Invitation | MemberList) -> Signed:
    body = msgspec.msgpack.encode(paper)
    return Signed(body, identity.sign(purpose, body))
