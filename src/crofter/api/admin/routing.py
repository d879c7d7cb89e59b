"""Serves `RouteAdministration` and `SharingAdministration` under /crofter/v1."""

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.replies import JsonReply, until_disconnect
from crofter.api.services import Services


class RouteRoutes:
    """One method for each address; errors pass through."""

    def __init__(self, services: Services) -> None:
        self._routes = services.administration.routes
        self._sharing = services.administration.sharing

    async def all(self, _: Call) -> App:
        return JsonReply(self._routes.all())

    async def get(self, call: Call) -> App:
        return JsonReply(self._routes.get(call.name))

    async def release(self, call: Call) -> App:
        return JsonReply(await self._routes.release(call.name))

    async def plan(self, call: Call) -> App:
        return JsonReply(await until_disconnect(call.receive, lambda: self._routes.plan(call.name)))

    async def sharing(self, _: Call) -> App:
        return JsonReply(self._sharing.status())
