"""The same for programs with an event loop."""

from collections.abc import AsyncGenerator, Mapping
from typing import Literal
from urllib.parse import quote

from crofter.api import (
    CatalogueItem,
    Check,
    CreatedKey,
    KeyChange,
    KeyPolicy,
    KeyRequest,
    KeySummary,
    LoadedModel,
    ModelChange,
    ModelDetails,
    ModelSummary,
    NodeIdentity,
    NodeStatus,
    PullProgress,
    PullRequest,
    QuantizeRequest,
    Setting,
    TuneProgress,
)

from .admin import ADMIN, ANY_MODEL_HERE
from .async_connection import AsyncConnection


class AsyncAdmin:
    """As `Admin`, with `await`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def status(self) -> NodeStatus:
        return await self._connection.get(f"{ADMIN}/status", NodeStatus)

    async def identity(self) -> NodeIdentity:
        """Who the node is to others."""
        return await self._connection.get(f"{ADMIN}/identity", NodeIdentity)

    async def models(self) -> list[ModelSummary]:
        return await self._connection.get(f"{ADMIN}/models", list[ModelSummary])

    async def model(self, name: str) -> ModelDetails:
        return await self._connection.get(f"{ADMIN}/models/{quote(name)}", ModelDetails)

    async def change_model(self, name: str, change: ModelChange) -> ModelDetails:
        return await self._connection.send("PATCH", f"{ADMIN}/models/{quote(name)}", ModelDetails, change)

    async def alias_model(self, name: str, alias: str) -> ModelSummary:
        return await self._connection.send("POST", f"{ADMIN}/aliases", ModelSummary, {"name": name, "alias": alias})

    async def remove_model(self, name: str) -> ModelSummary:
        return await self._connection.send("DELETE", f"{ADMIN}/models/{quote(name)}", ModelSummary)

    async def catalogue(self) -> list[CatalogueItem]:
        """What `pull` knows by a short name."""
        return await self._connection.get(f"{ADMIN}/catalogue", list[CatalogueItem])

    def pull(self, request: PullRequest) -> AsyncGenerator[PullProgress]:
        """Paths in it are the node's, so absolute."""
        return self._connection.progress(f"{ADMIN}/pull", request, PullProgress)

    def verify(self, name: str) -> AsyncGenerator[PullProgress]:
        return self._connection.progress(f"{ADMIN}/verify", {"name": name}, PullProgress)

    def quantize(self, request: QuantizeRequest) -> AsyncGenerator[PullProgress]:
        return self._connection.progress(f"{ADMIN}/quantize", request, PullProgress)

    def tune(self, name: str, workload: Literal["chat", "reading"] = "chat") -> AsyncGenerator[TuneProgress]:
        body: Mapping[str, str] = {"name": name, "workload": workload}
        return self._connection.progress(f"{ADMIN}/tune", body, TuneProgress)

    async def loaded_models(self) -> list[LoadedModel]:
        return await self._connection.get(f"{ADMIN}/ps", list[LoadedModel])

    async def unload(self, name: str) -> None:
        await self._connection.send("POST", f"{ADMIN}/unload", object, {"name": name})

    async def doctor(self) -> list[Check]:
        return await self._connection.get(f"{ADMIN}/doctor", list[Check])

    async def settings(self) -> list[Setting]:
        return await self._connection.get(f"{ADMIN}/settings", list[Setting])

    async def change_setting(self, key: str, value: str) -> Setting:
        return await self._connection.send("PUT", f"{ADMIN}/settings/{quote(key)}", Setting, {"value": value})

    async def keys(self) -> list[KeySummary]:
        return await self._connection.get(f"{ADMIN}/keys", list[KeySummary])

    async def create_key(self, name: str, policy: KeyPolicy = ANY_MODEL_HERE) -> CreatedKey:
        """A key for what `policy` allows. The only time its secret is seen."""
        return await self._connection.send("POST", f"{ADMIN}/keys", CreatedKey, KeyRequest(name=name, policy=policy))

    async def change_key(self, name: str, change: KeyChange) -> KeySummary:
        """What is left out stays as it is."""
        return await self._connection.send("PATCH", f"{ADMIN}/keys/{quote(name)}", KeySummary, change)

    async def revoke_key(self, name: str) -> KeySummary:
        return await self._connection.send("DELETE", f"{ADMIN}/keys/{quote(name)}", KeySummary)

    async def shut_down(self) -> None:
        """Ask the node to stop; returns at once."""
        await self._connection.send("POST", f"{ADMIN}/shutdown", object)
