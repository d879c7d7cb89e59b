"""Serves `Administration` under /crofter/v1. `security` has already seen that the owner asks, or a key with the scope for it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.installing import ImportRequest, ModelSearch, PullRequest, QuantizeRequest
from crofter.api.keys import KeyChange, KeyRequest
from crofter.api.model_values import ModelChange
from crofter.api.replies import NDJSON, JsonReply, StreamReply
from crofter.api.services import Services
from crofter.core import CrofterError, ErrorCode

_MOST_DAYS = 400


class NameBody(msgspec.Struct):
    name: str


class AliasBody(msgspec.Struct):
    name: str
    alias: str


class TuneBody(msgspec.Struct):
    name: str
    workload: Literal["chat", "reading"] = "chat"


class SettingBody(msgspec.Struct):
    value: str


class Done(msgspec.Struct, frozen=True):
    """The reply where there is nothing else to say."""

    done: bool = True


class AdminRoutes:
    """One method for each address; errors pass through."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._administration = services.administration

    async def status(self, _: Call) -> App:
        return JsonReply(self._administration.status())

    async def identity(self, _: Call) -> App:
        return JsonReply(self._administration.identity())

    async def models(self, _: Call) -> App:
        return JsonReply(self._administration.models())

    async def model(self, call: Call) -> App:
        return JsonReply(await self._administration.model_details(call.name))

    async def change_model(self, call: Call) -> App:
        return JsonReply(await self._administration.change_model(call.name, await call.body(ModelChange)))

    async def alias_model(self, call: Call) -> App:
        body = await call.body(AliasBody)
        return JsonReply(self._administration.alias_model(body.name, body.alias), status=201)

    async def remove_model(self, call: Call) -> App:
        return JsonReply(await self._administration.remove_model(call.name))

    async def pull(self, call: Call) -> App:
        return self._progress(self._administration.pull(await call.body(PullRequest)))

    async def verify(self, call: Call) -> App:
        body = await call.body(NameBody)
        return self._progress(self._administration.verify(body.name))

    async def found(self, call: Call) -> App:
        return JsonReply(await self._administration.found_models(await call.body(ModelSearch)))

    async def import_model(self, call: Call) -> App:
        return self._progress(self._administration.import_model(await call.body(ImportRequest)))

    async def quantize(self, call: Call) -> App:
        return self._progress(self._administration.quantize(await call.body(QuantizeRequest)))

    async def catalogue(self, _: Call) -> App:
        return JsonReply(self._administration.catalogue())

    async def loaded(self, _: Call) -> App:
        return JsonReply(self._administration.loaded_models())

    async def unload(self, call: Call) -> App:
        body = await call.body(NameBody)
        await self._administration.unload_model(body.name)
        return JsonReply(Done())

    async def tune(self, call: Call) -> App:
        body = await call.body(TuneBody)
        return self._progress(self._administration.tune(body.name, body.workload))

    async def doctor(self, _: Call) -> App:
        return JsonReply(await self._administration.doctor())

    async def settings(self, _: Call) -> App:
        return JsonReply(self._administration.settings())

    async def change_setting(self, call: Call) -> App:
        body = await call.body(SettingBody)
        return JsonReply(self._administration.change_setting(call.name, body.value))

    async def keys(self, _: Call) -> App:
        return JsonReply(self._administration.keys())

    async def create_key(self, call: Call) -> App:
        return JsonReply(self._administration.create_key(await call.body(KeyRequest)), status=201)

    async def key(self, call: Call) -> App:
        return JsonReply(self._administration.key(call.name))

    async def change_key(self, call: Call) -> App:
        return JsonReply(self._administration.change_key(call.name, await call.body(KeyChange)))

    async def key_usage(self, call: Call) -> App:
        return JsonReply(self._administration.key_usage(call.name, _days(call)))

    async def all_usage(self, call: Call) -> App:
        return JsonReply(self._administration.key_usage(None, _days(call)))

    async def revoke_key(self, call: Call) -> App:
        return JsonReply(self._administration.revoke_key(call.name))

    async def shut_down(self, _: Call) -> App:
        self._administration.shut_down()
        return JsonReply(Done(), status=202)

    def _progress(self, steps: AsyncGenerator[msgspec.Struct]) -> App:
        """A line for each step; leaving early stops the work."""
        return StreamReply(NDJSON, [_lines(steps)], keep_alive_seconds=self._services.settings.keep_alive_seconds)


def _days(call: Call) -> int:
    """How many days back, today included. Raises INVALID_REQUEST."""
    given = call.query("days") or "30"
    days = int(given) if given.isascii() and given.isdigit() and len(given) <= 3 else 0
    if not 1 <= days <= _MOST_DAYS:
        message = f"days is a number from 1 to {_MOST_DAYS}"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="days")
    return days


async def _lines(steps: AsyncGenerator[msgspec.Struct]) -> AsyncGenerator[bytes]:
    async with aclosing(steps):
        async for step in steps:
            yield msgspec.json.encode(step) + b"\n"
