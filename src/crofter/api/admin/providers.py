"""Serves `ProviderAdministration` under /crofter/v1/providers."""

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.providing import NewProvider, ProviderChange, TriedModel
from crofter.api.replies import JsonReply, until_disconnect
from crofter.api.services import Services


class ProviderRoutes:
    """One method for each address; errors pass through."""

    def __init__(self, services: Services) -> None:
        self._providers = services.administration.providers

    async def known(self, _: Call) -> App:
        return JsonReply(self._providers.known())

    async def all(self, _: Call) -> App:
        return JsonReply(self._providers.all())

    async def get(self, call: Call) -> App:
        return JsonReply(self._providers.get(call.name))

    async def add(self, call: Call) -> App:
        return JsonReply(await self._providers.add(await call.body(NewProvider)), status=201)

    async def change(self, call: Call) -> App:
        return JsonReply(await self._providers.change(call.name, await call.body(ProviderChange)))

    async def remove(self, call: Call) -> App:
        return JsonReply(await self._providers.remove(call.name))

    async def list_models(self, call: Call) -> App:
        return JsonReply(await until_disconnect(call.receive, lambda: self._providers.list_models(call.name)))

    async def try_out(self, call: Call) -> App:
        wanted = await call.body(TriedModel)
        return JsonReply(await until_disconnect(call.receive, lambda: self._providers.try_out(call.name, wanted.model)))
