"""What nodes say to each other about pools. Each may be repeated, and lost: what counts is in the papers."""

import msgspec

from .pool_papers import Membership, PoolId, Signed


class PoolInvite(msgspec.Struct, frozen=True, kw_only=True):
    """From a pool's owner to whom they would have in it."""

    invitation: Signed


class PoolJoin(msgspec.Struct, frozen=True, kw_only=True):
    """From the invited to the owner, who answers with the list."""

    membership: Membership


class PoolNews(msgspec.Struct, frozen=True, kw_only=True):
    """The owner's list as it is now. Whom it does not name is not in the pool."""

    members: Signed


class PoolAsk(msgspec.Struct, frozen=True, kw_only=True):
    """From a member to the owner, or to another member while the owner is away: how is the pool now?"""

    pool_id: PoolId


class PoolLeave(msgspec.Struct, frozen=True, kw_only=True):
    """From a member to the owner."""

    pool_id: PoolId


class PoolHeard(msgspec.Struct, frozen=True, kw_only=True):
    """It was heard."""
