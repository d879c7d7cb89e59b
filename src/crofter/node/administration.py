"""What the owner can ask of this node: the one implementation of `api.Administration`."""

import os
import platform
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Literal

import anyio
import anyio.to_thread
import msgspec

from crofter.api import (
    CatalogueItem,
    Check,
    CreatedKey,
    DayUsage,
    FoundModels,
    ImportRequest,
    KeyChange,
    KeyRequest,
    KeySummary,
    LoadedModel,
    ModelChange,
    ModelDetails,
    ModelSearch,
    ModelSummary,
    NodeIdentity,
    NodeStatus,
    PullProgress,
    PullRequest,
    QuantizeRequest,
    Setting,
    TuneProgress,
)
from crofter.cluster import PeerModel
from crofter.core import CrofterError, ErrorCode
from crofter.engine import machine_now, resident_bytes
from crofter.models import InstalledModel, Wish, checked_name, is_local
from crofter.providers import RemoteModel
from crofter.store import InviteRecords, NetworkRecords
from crofter.trust import InviteDesk, fingerprint

from . import settings
from .config import LoadedConfig
from .diagnosis import diagnose_running
from .home import RunningNode
from .identity import identity_values
from .importing import Imports
from .inviting import NodeInvites
from .keys import Account, new_secret, same_secret
from .membership import Membership
from .model_view import catalogue, decided, details, peer_details, peer_summary, remote_details, remote_summary, summary
from .networking import NodeNetwork
from .parts import Parts
from .people import NodePeople
from .pools import NodePools
from .providing import NodeProviders
from .pulling import Report, pulled
from .quantizing import quantized
from .release import crofter_version
from .routing import NodeRoutes


class NodeAdministration:
    """Holds no state of its own but the configuration; everything else belongs to the rooms it is given."""

    def __init__(self, parts: Parts, loaded: LoadedConfig, flags: Mapping[str, object]) -> None:
        self._parts = parts
        self._imports = Imports(parts.registry, parts.home)
        self._config = loaded
        self._flags = flags
        self.providers = NodeProviders(parts.providers, parts.router)
        self.network = NodeNetwork(parts, loaded.config.network)
        own_id = parts.identity.node_id
        self.people = NodePeople(
            parts.people, own_id, parts.peers, parts.whereabouts, self._own_name, self.network.surroundings.nearby_ids
        )
        self.pools = NodePools(parts.pools, parts.people, own_id, parts.peers)
        self.membership = Membership(
            NetworkRecords(parts.database),
            parts.own.network,
            self.network.presence.rebind,
            self.people,
            parts.peers,
            parts.whereabouts,
        )
        desk = InviteDesk(parts.people, InviteRecords(parts.database))
        self.invites = NodeInvites(desk, parts.peers, parts.own)
        self.routes = NodeRoutes(
            own_id, parts.cluster.routed.routes, parts.engine, parts.router.resolve, self.network.surroundings.name
        )
        self.sharing = parts.cluster.sharing
        self._running: RunningNode | None = None
        self.token = new_secret()
        """The administrator's, for this run."""
        self.stopping = anyio.Event()
        """Set when the node was asked to stop."""

    def announce(self, running: RunningNode) -> None:
        """Called once the address is known."""
        self._running = running

    def default_model(self) -> str:
        """The name of the model that answers when none is named; empty when there is none."""
        try:
            return self._parts.router.resolve("").name
        except CrofterError:
            return ""

    def _own_name(self) -> str:
        return self._config.config.node.name or platform.node()

    def status(self) -> NodeStatus:
        running = self._running
        return NodeStatus(
            version=crofter_version(),
            process_id=os.getpid(),
            url=running.url if running else "",
            home=str(self._parts.home.root),
            uptime_seconds=time.time() - running.started_at if running else 0.0,
            default_model=self.default_model(),
            installed_models=len(self._parts.registry.installed()),
            loaded_models=len(self._parts.engine.loaded()),
            active_requests=self._parts.router.active_count,
            resident_bytes=resident_bytes(os.getpid()),
        )

    def identity(self) -> NodeIdentity:
        return identity_values(self._parts.identity.node_id)

    def installed_models(self) -> list[ModelSummary]:
        return [self._judged(model) for model in self._parts.registry.installed()]

    def _judged(self, model: InstalledModel) -> ModelSummary:
        return summary(model, self._parts.engine.fit(model.file))

    def models(self) -> list[ModelSummary]:
        default = self._parts.registry.default_name
        offered = self._parts.providers.book.offered()
        here = self.installed_models()
        known = {model.model_id for model in here}
        there = [
            peer_summary(model, self._at(model))
            for model in self._parts.cluster.peer_answers.listed()
            if model.model_id not in known
        ]
        return [*here, *(remote_summary(*offer, default) for offer in offered), *there]

    def _at(self, model: PeerModel) -> str:
        return self.network.surroundings.name(model.holder) or fingerprint(model.holder)

    async def model_details(self, name: str) -> ModelDetails:
        # In a thread: the header of a large vocabulary takes a while to read.
        return await anyio.to_thread.run_sync(self._details, name)

    def _details(self, name: str) -> ModelDetails:
        named = self._parts.router.resolve(name)
        if isinstance(named, RemoteModel):
            return remote_details(named, self._parts.registry.default_name)
        if isinstance(named, PeerModel):
            return peer_details(named, self._at(named))
        model = self._parts.registry.resolve(name)
        tuning = self._parts.tunings.settings(model.file.model_id) or {}
        origin = self._parts.hub.origin(model.file.model_id)
        return details(model, self._parts.registry, tuning, origin, self._parts.engine.fit(model.file))

    async def change_model(self, name: str, change: ModelChange) -> ModelDetails:
        model = self._parts.registry.resolve(name)
        self._parts.overrides.change(model, decided(model.settings, change))
        self._parts.engine.update(self._parts.registry.resolve(name).file)
        return await self.model_details(name)

    def alias_model(self, name: str, alias: str) -> ModelSummary:
        if isinstance(remote := self._parts.router.resolve(name), RemoteModel):
            return self._alias_remote(remote, checked_name(alias))
        return summary(self._parts.registry.alias(name, alias))

    def _alias_remote(self, model: RemoteModel, alias: str) -> ModelSummary:
        if any(installed.name == alias for installed in self._parts.registry.installed()):
            message = f"{alias!r} is an installed model: a name of those never means anything of somebody else's."
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="alias")
        self._parts.providers.book.alias(model, alias)
        return remote_summary(alias, model.provider, model.remote_name, self._parts.registry.default_name)

    def pull(self, request: PullRequest) -> AsyncGenerator[PullProgress]:
        def add(report: Report) -> ModelSummary:
            if is_local(request.source):
                if request.quantization:
                    message = "A file is quantised already: leave out the quantisation."
                    raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="quantization")
                return self._judged(self._parts.registry.add(request.source, request.name, report))
            wish = msgspec.convert(request, Wish, from_attributes=True)
            return self._judged(self._parts.hub.pull(wish, machine_now().total_bytes, report))

        return pulled(add)

    def verify(self, name: str) -> AsyncGenerator[PullProgress]:
        def check(report: Report) -> ModelSummary:
            model = self._parts.registry.resolve(name)
            report.stage("verifying")
            damaged = self._parts.registry.contents.damaged_groups(model, report)
            if damaged:
                places = ", ".join(damaged)
                message = (
                    f"{model.name} is damaged in {places}: remove it (`crofter rm {model.name}`) and get it again."
                )
                raise CrofterError(ErrorCode.MODEL_INVALID, message)
            return summary(model)

        return pulled(check)

    async def found_models(self, search: ModelSearch) -> FoundModels:
        return await self._imports.find(search)

    def import_model(self, request: ImportRequest) -> AsyncGenerator[PullProgress]:
        return self._imports.add(request)

    def quantize(self, request: QuantizeRequest) -> AsyncGenerator[PullProgress]:
        return pulled(lambda report: summary(quantized(self._parts, request, report)))

    def catalogue(self) -> list[CatalogueItem]:
        return catalogue(self._parts.hub, machine_now().total_bytes)

    async def remove_model(self, name: str) -> ModelSummary:
        registry = self._parts.registry
        is_installed = any(model.name == name for model in registry.installed())
        if not is_installed and (alias := self._parts.providers.book.forget_alias(name)) is not None:
            return remote_summary(name, *alias, registry.default_name)
        removed = await anyio.to_thread.run_sync(registry.remove, name)
        if all(model.file.model_id != removed.file.model_id for model in registry.installed()):
            await self._parts.engine.unload(removed.file.model_id)
            self._parts.overrides.forget(removed.file.model_id)
        return summary(removed)

    def loaded_models(self) -> list[LoadedModel]:
        return [msgspec.convert(worker, LoadedModel, from_attributes=True) for worker in self._parts.engine.loaded()]

    async def unload_model(self, name: str) -> None:
        await self._parts.engine.unload(self._parts.registry.resolve(name).file.model_id)

    def keep_model(self, name: str, seconds: float | None) -> None:
        self._parts.engine.keep(self._parts.registry.resolve(name).file.model_id, seconds)

    async def tune(self, name: str, workload: Literal["chat", "reading"]) -> AsyncGenerator[TuneProgress]:
        model = self._parts.registry.resolve(name).file
        async with aclosing(self._parts.engine.tune(model, workload)) as steps:
            async for step in steps:
                yield msgspec.convert(step, TuneProgress, from_attributes=True)

    async def doctor(self) -> list[Check]:
        api = self._config.config.api
        network = self.network.status()
        return await anyio.to_thread.run_sync(diagnose_running, self._parts, api, self._running, network)

    def settings(self) -> list[Setting]:
        return settings.listed(self._config)

    def change_setting(self, key: str, value: str) -> Setting:
        self._config = settings.changed(self._parts.home, key, value, self._flags)
        self._parts.registry.default_name = self._config.config.node.default_model
        self._parts.hub.settings = self._config.config.hub
        self._parts.router.settings = self._config.config.router
        self.network.presence.follow(self._config.config.network)
        self._parts.cluster.sharing.settings = self._config.config.share
        self._parts.cluster.routed.routes.settings = self._config.config.route
        return settings.setting(self._config, key)

    def create_key(self, request: KeyRequest) -> CreatedKey:
        self._require_models(request.policy.models)
        return self._parts.keys.create(request)

    def change_key(self, name: str, change: KeyChange) -> KeySummary:
        self._require_models(change.models or ())
        return self._parts.keys.change(name, change)

    def _require_models(self, names: Sequence[str]) -> None:
        for name in names:
            self._parts.router.resolve(name)

    def keys(self) -> list[KeySummary]:
        return self._parts.keys.all()

    def key(self, name: str) -> KeySummary:
        return self._parts.keys.summary(name)

    def key_usage(self, name: str | None, days: int) -> list[DayUsage]:
        return self._parts.keys.usage(name, days)

    def revoke_key(self, name: str) -> KeySummary:
        return self._parts.keys.revoke(name)

    def keys_exist(self) -> bool:
        return not self._parts.keys.empty

    def account(self, secret: str) -> Account | None:
        return self._parts.keys.account(secret)

    def administrator_token_is_valid(self, token: str) -> bool:
        return same_secret(token, self.token)

    def shut_down(self) -> None:
        self.stopping.set()
