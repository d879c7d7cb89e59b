"""The invites that this node gives out, and who comes by them. The one implementation of `api.InviteAdministration`."""

import logging

from crofter.api import CreatedInvite, InviteSummary, NewInvite
from crofter.core import CrofterError, ErrorCode
from crofter.network import JOIN, Caller, Invite, OwnRecord, Peers, SignedRecord, read_record, write_invite
from crofter.store import InviteRecord
from crofter.trust import InviteDesk, Join, Joined, fingerprint, invite_name, readable_id

_logger = logging.getLogger("crofter.node")

_DAY_SECONDS = 86_400


class NodeInvites:
    """The desk decides who may come in; what follows is a pairing like any other."""

    def __init__(self, desk: InviteDesk, peers: Peers, own: OwnRecord) -> None:
        self._desk = desk
        self._own = own
        peers.serve(JOIN, self._answer_join)

    def all(self) -> list[InviteSummary]:
        return [self._summary(invite) for invite in self._desk.all()]

    def issue(self, new: NewInvite) -> CreatedInvite:
        inviter = read_record(self._own.content())
        if not isinstance(inviter, SignedRecord):
            message = "nobody could reach this node to use an invite: `crofter network status` says why."
            raise CrofterError(ErrorCode.OFFLINE, message)
        token, kept = self._desk.issue(new.uses, new.days * _DAY_SECONDS)
        invite = Invite(
            inviter=inviter,
            network_secret=self._own.network.secret,
            token=token,
            expires_at=int(kept.expires_at),
        )
        return CreatedInvite(text=write_invite(self._own.identity, invite), invite=self._summary(kept))

    def revoke(self, name: str) -> InviteSummary:
        invite = self._desk.find(name)
        summary = self._summary(invite)
        self._desk.revoke(invite)
        return summary

    async def _answer_join(self, caller: Caller, join: Join) -> Joined:
        joined = self._desk.join(caller.node_id, join)
        _logger.info("a node came by an invite", extra={"peer": fingerprint(caller.node_id)})
        return joined

    def _summary(self, invite: InviteRecord) -> InviteSummary:
        return InviteSummary(
            name=invite_name(invite),
            made_at=invite.made_at,
            expires_at=invite.expires_at,
            uses_left=invite.uses_left,
            used_by=tuple(readable_id(use.node_id) for use in self._desk.uses(invite)),
        )
