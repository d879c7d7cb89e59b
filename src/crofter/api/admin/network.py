"""Serves `NetworkAdministration` under /crofter/v1."""

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.networking import MessageText
from crofter.api.replies import JsonReply, until_disconnect
from crofter.api.services import Services


class NetworkRoutes:
    """One method for each address; errors pass through."""

    def __init__(self, services: Services) -> None:
        self._network = services.administration.network

    async def status(self, _: Call) -> App:
        return JsonReply(self._network.status())

    async def peers(self, _: Call) -> App:
        return JsonReply(self._network.peers())

    async def nearby(self, _: Call) -> App:
        return JsonReply(self._network.nearby())

    async def map(self, _: Call) -> App:
        return JsonReply(self._network.map())

    async def ping(self, call: Call) -> App:
        return JsonReply(await until_disconnect(call.receive, lambda: self._network.ping(call.name)))

    async def send(self, call: Call) -> App:
        said = await call.body(MessageText)
        return JsonReply(await until_disconnect(call.receive, lambda: self._network.send(call.name, said.text)))

    async def messages(self, _: Call) -> App:
        return JsonReply(self._network.messages())
