"""Which network this node is in, and how it comes into another. The one implementation of `api.MembershipAdministration`."""

import logging
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from crofter.api import InviteText, NetworkMembership, NewPerson, PersonSummary
from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import JOIN, NETWORK_SECRET_BYTES, OwnNetwork, Peers, read_invite
from crofter.store import NetworkRecords
from crofter.trust import Join, readable_id

from .people import NodePeople
from .whereabouts import Whereabouts

_logger = logging.getLogger("crofter.node")

_JOIN_SECONDS = 20.0


class Membership:
    """One change at a time."""

    def __init__(
        self,
        records: NetworkRecords,
        own_network: OwnNetwork,
        rebind: Callable[[], Awaitable[None]],
        people: NodePeople,
        peers: Peers,
        whereabouts: Whereabouts,
    ) -> None:
        """`rebind` puts this node into the network of now; it returns when others can reach it there, or clearly cannot."""
        self._records = records
        self._own_network = own_network
        self._rebind = rebind
        self._people = people
        self._peers = peers
        self._whereabouts = whereabouts
        self._turn = anyio.Lock()

    async def make(self) -> NetworkMembership:
        async with self._turn:
            if self._own_network.secret:
                message = "this node is in a private network already; leave that first (`crofter network leave`)."
                raise CrofterError(ErrorCode.CONFLICT, message)
            return await self._change(secrets.token_bytes(NETWORK_SECRET_BYTES))

    async def leave(self) -> NetworkMembership:
        async with self._turn:
            if not self._own_network.secret:
                raise CrofterError(ErrorCode.CONFLICT, "this node is in no private network.")
            return await self._change(b"")

    async def join(self, invite: InviteText) -> PersonSummary:
        read = read_invite(invite.text, time.time())
        inviter = read.inviter.record
        if inviter.node_id == self._peers.node_id:
            message = "this is an invite of this node itself: it is for others."
            raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="invite")
        async with self._turn:
            if read.network_secret != self._own_network.secret and not invite.switch:
                self._require_knowing_nobody()
            self._whereabouts.say(inviter.node_id, inviter.addresses, inviter.relay_url)
            async with self._tried(read.network_secret):
                await self._use(inviter.node_id, read.token)
        new = NewPerson(id=readable_id(inviter.node_id), addresses=inviter.addresses)
        return await self._people.add(new)

    def _require_knowing_nobody(self) -> None:
        known = [person for person in self._people.all() if person.state in ("trusted", "asked")]
        if known:
            message = (
                f"this invite leads into another network, where the nodes you know in this one ({len(known)}) cannot be reached"
                " until they join it too. `--switch` goes there all the same."
            )
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="switch")

    async def _use(self, inviter: NodeId, token: bytes) -> None:
        """Bring the token to whom it is of. Raises what that one or the way to it says."""
        try:
            await self._peers.call(inviter, JOIN, Join(token), timeout_seconds=_JOIN_SECONDS, insist=True)
        except CrofterError as error:
            if error.code is not ErrorCode.PEER_UNREACHABLE:
                raise
            message = (
                f"the node that invites could not be reached; it has to be running while you join. {error.message}"
            )
            raise CrofterError(error.code, message, retry_after_seconds=error.retry_after_seconds) from error

    async def _change(self, secret: bytes) -> NetworkMembership:
        self._records.change(secret)
        await self._move(secret)
        return self._moved()

    def _moved(self) -> NetworkMembership:
        tag = self._own_network.shown_tag()
        _logger.info("in another network now", extra={"network": tag})
        return NetworkMembership(tag=tag)

    async def _move(self, secret: bytes) -> None:
        self._own_network.secret = secret
        await self._rebind()

    @asynccontextmanager
    async def _tried(self, secret: bytes) -> AsyncGenerator[None]:
        """Be in this network while the block runs, and from then on if it ends well; else be where it was before."""
        before = self._own_network.secret
        if secret == before:
            yield
            return
        try:
            await self._move(secret)
            yield
            self._records.change(secret)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._move(before)
            raise
        self._moved()
