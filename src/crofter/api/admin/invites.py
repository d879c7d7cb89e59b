"""Serves `InviteAdministration` and `MembershipAdministration` under /crofter/v1."""

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.inviting import InviteText, NewInvite
from crofter.api.replies import JsonReply, until_disconnect
from crofter.api.services import Services


class InviteRoutes:
    """One method for each address; errors pass through."""

    def __init__(self, services: Services) -> None:
        self._invites = services.administration.invites
        self._membership = services.administration.membership

    async def all(self, _: Call) -> App:
        return JsonReply(self._invites.all())

    async def issue(self, call: Call) -> App:
        return JsonReply(self._invites.issue(await call.body(NewInvite)), status=201)

    async def revoke(self, call: Call) -> App:
        return JsonReply(self._invites.revoke(call.name))

    async def join(self, call: Call) -> App:
        invite = await call.body(InviteText)
        return JsonReply(await until_disconnect(call.receive, lambda: self._membership.join(invite)))

    async def make_network(self, _: Call) -> App:
        return JsonReply(await self._membership.make(), status=201)

    async def leave_network(self, _: Call) -> App:
        return JsonReply(await self._membership.leave())
