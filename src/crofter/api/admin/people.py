"""Serves `PeopleAdministration` and `PoolAdministration` under /crofter/v1."""

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.people import NewPerson, NewPool, PersonChange, PoolMemberName, TypedCode
from crofter.api.replies import JsonReply, until_disconnect
from crofter.api.services import Services


class PeopleRoutes:
    """One method for each address; errors pass through. What is decided is decided, even if the asker leaves while others are told."""

    def __init__(self, services: Services) -> None:
        self._people = services.administration.people

    async def all(self, _: Call) -> App:
        return JsonReply(self._people.all())

    async def get(self, call: Call) -> App:
        return JsonReply(self._people.get(call.name))

    async def add(self, call: Call) -> App:
        return JsonReply(await self._people.add(await call.body(NewPerson)), status=201)

    async def rename(self, call: Call) -> App:
        return JsonReply(self._people.rename(call.name, await call.body(PersonChange)))

    async def forget(self, call: Call) -> App:
        return JsonReply(await self._people.forget(call.name))

    async def accept(self, call: Call) -> App:
        return JsonReply(await self._people.accept(call.name))

    async def refuse(self, call: Call) -> App:
        return JsonReply(await self._people.refuse(call.name))

    async def block(self, call: Call) -> App:
        return JsonReply(await self._people.block(call.name))

    async def code(self, _: Call) -> App:
        return JsonReply(self._people.code())

    async def show_code(self, _: Call) -> App:
        return JsonReply(self._people.show_code(), status=201)

    async def withdraw_code(self, _: Call) -> App:
        return JsonReply(self._people.withdraw_code())

    async def use_code(self, call: Call) -> App:
        typed = await call.body(TypedCode)
        return JsonReply(await until_disconnect(call.receive, lambda: self._people.use_code(typed)))


class PoolRoutes:
    """The same for pools."""

    def __init__(self, services: Services) -> None:
        self._pools = services.administration.pools

    async def all(self, _: Call) -> App:
        return JsonReply(self._pools.all())

    async def get(self, call: Call) -> App:
        return JsonReply(self._pools.get(call.name))

    async def create(self, call: Call) -> App:
        return JsonReply(self._pools.create(await call.body(NewPool)), status=201)

    async def leave(self, call: Call) -> App:
        return JsonReply(await self._pools.leave(call.name))

    async def invite(self, call: Call) -> App:
        return JsonReply(await self._pools.invite(call.name, (await call.body(PoolMemberName)).member))

    async def remove(self, call: Call) -> App:
        return JsonReply(await self._pools.remove(call.name, (await call.body(PoolMemberName)).member))

    async def accept(self, call: Call) -> App:
        return JsonReply(await self._pools.accept(call.name))
