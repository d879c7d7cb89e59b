"""What the owner can ask of the node besides answers. `node` implements it, `api/admin` serves it, `cli` and the web UI call it."""

from collections.abc import AsyncGenerator
from typing import Literal, Protocol

import msgspec

from .access import Account
from .installing import (
    CatalogueItem,
    FoundModels,
    ImportRequest,
    ModelSearch,
    PullProgress,
    PullRequest,
    QuantizeRequest,
)
from .inviting import InviteAdministration, MembershipAdministration
from .keys import CreatedKey, DayUsage, KeyChange, KeyRequest, KeySummary
from .model_values import LoadedModel, ModelChange, ModelDetails, ModelSummary, TuneProgress
from .networking import NetworkAdministration
from .people import PeopleAdministration, PoolAdministration
from .providing import ProviderAdministration
from .routing import RouteAdministration, SharingAdministration


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The node at a glance."""

    version: str
    process_id: int
    url: str
    home: str
    uptime_seconds: float
    default_model: str
    installed_models: int
    loaded_models: int
    active_requests: int
    resident_bytes: int


class NodeIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who the node is to others: one Ed25519 public key, written in three ways."""

    id: str
    """For people, with check characters: `croft1-…`."""
    did: str
    """The same as a W3C did:key."""
    fingerprint: str
    """The first eight characters of the id: for lists, never to decide by."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of `doctor`."""

    name: str
    verdict: Literal["ok", "warning", "problem"]
    finding: str
    advice: str = ""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting with its value now, where it came from and what it does."""

    key: str
    value: str | int | float | bool | None
    default: str | int | float | bool | None
    source: Literal["default", "file", "environment", "flag"]
    description: str
    restart_needed: bool
    """Whether a change takes effect only when the node starts again."""


class Administration(Protocol):
    """Every method raises CrofterError when it cannot do what it says."""

    def status(self) -> NodeStatus: ...
    def identity(self) -> NodeIdentity: ...
    def installed_models(self) -> list[ModelSummary]: ...
    def models(self) -> list[ModelSummary]:
        """The installed ones, then what providers offered when their owner last asked."""
        ...

    async def model_details(self, name: str) -> ModelDetails: ...
    def pull(self, request: PullRequest) -> AsyncGenerator[PullProgress]: ...
    def verify(self, name: str) -> AsyncGenerator[PullProgress]:
        """Read every byte of a model and compare it with the manifest. Raises MODEL_INVALID, naming what is damaged."""
        ...

    async def found_models(self, search: ModelSearch) -> FoundModels: ...
    def import_model(self, request: ImportRequest) -> AsyncGenerator[PullProgress]: ...
    def quantize(self, request: QuantizeRequest) -> AsyncGenerator[PullProgress]: ...
    def catalogue(self) -> list[CatalogueItem]: ...
    async def change_model(self, name: str, change: ModelChange) -> ModelDetails: ...
    def alias_model(self, name: str, alias: str) -> ModelSummary: ...
    async def remove_model(self, name: str) -> ModelSummary: ...
    def loaded_models(self) -> list[LoadedModel]: ...
    async def unload_model(self, name: str) -> None: ...
    def keep_model(self, name: str, seconds: float | None) -> None:
        """Say how long a loaded model stays in memory once it is idle; negative: until told to go; None: as the settings say."""
        ...

    def tune(self, name: str, workload: Literal["chat", "reading"]) -> AsyncGenerator[TuneProgress]: ...
    async def doctor(self) -> list[Check]: ...
    def settings(self) -> list[Setting]: ...
    def change_setting(self, key: str, value: str) -> Setting: ...
    def create_key(self, request: KeyRequest) -> CreatedKey: ...
    def change_key(self, name: str, change: KeyChange) -> KeySummary: ...
    def keys(self) -> list[KeySummary]: ...
    def key(self, name: str) -> KeySummary: ...
    def key_usage(self, name: str | None, days: int) -> list[DayUsage]:
        """What was asked with a key, or with each, on the last so many days; days without a request are left out."""
        ...

    def revoke_key(self, name: str) -> KeySummary: ...
    @property
    def providers(self) -> ProviderAdministration: ...
    @property
    def people(self) -> PeopleAdministration: ...
    @property
    def pools(self) -> PoolAdministration: ...
    @property
    def network(self) -> NetworkAdministration: ...
    @property
    def invites(self) -> InviteAdministration: ...
    @property
    def membership(self) -> MembershipAdministration: ...
    @property
    def routes(self) -> RouteAdministration: ...
    @property
    def sharing(self) -> SharingAdministration: ...

    def keys_exist(self) -> bool: ...
    def account(self, secret: str) -> Account | None:
        """The key with this secret, its use recorded; None if there is none. Raises UNAUTHENTICATED if it has expired."""
        ...

    def administrator_token_is_valid(self, token: str) -> bool:
        """Constant-time compare with the token in this run's `run/node.json` (0600)."""
        ...

    def shut_down(self) -> None:
        """Ask the node to stop; returns at once."""
        ...
