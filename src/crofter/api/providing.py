"""Attached engines and services as their owner sees them."""

from typing import Annotated, Protocol

import msgspec

from crofter.core import Radius


class KnownProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A server or service that can be added by its name alone."""

    name: str
    title: str
    base_url: str
    """Empty: the owner says."""
    keys_at: str
    """Where its keys are made; empty: a server of the owner's."""


class ProviderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One that was added, without its key."""

    name: str
    kind: str
    base_url: str
    radius: Radius
    enabled: bool
    has_key: bool
    models: tuple[str, ...]
    """What it offered when it was last asked."""
    listed_at: float | None
    """When that was, in Unix seconds; None: never."""
    aliases: dict[str, str]
    """Further names of its models."""
    problem: str = ""
    """Why it could not be asked just now; empty: it could, or was not."""


class NewProvider(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be added."""

    name: str
    kind: str = ""
    """Empty: what the name says."""
    base_url: str = ""
    """Empty: where the kind usually is."""
    radius: Radius | None = None
    """None: local for this machine, public for everything else."""
    key: str = ""
    models: Annotated[tuple[str, ...], msgspec.Meta(max_length=1000)] = ()
    """Names to list without asking; none: it is asked what it offers."""


class ProviderChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided anew; what is left out stays."""

    enabled: bool | None = None
    radius: Radius | None = None
    key: str | None = None


class TriedModel(msgspec.Struct, frozen=True, kw_only=True):
    """Which model to try; empty: the first that is listed."""

    model: str = ""


class ProviderTrial(msgspec.Struct, frozen=True, kw_only=True):
    """How a tiny request went."""

    model: str
    text: str
    first_token_seconds: float
    total_seconds: float


class ProviderAdministration(Protocol):
    """Every method raises CrofterError when it cannot do what it says."""

    def known(self) -> list[KnownProvider]: ...
    def all(self) -> list[ProviderSummary]: ...
    def get(self, name: str) -> ProviderSummary: ...
    async def add(self, new: NewProvider) -> ProviderSummary: ...
    async def change(self, name: str, change: ProviderChange) -> ProviderSummary: ...
    async def remove(self, name: str) -> ProviderSummary: ...
    async def list_models(self, name: str) -> ProviderSummary:
        """Asks the provider."""
        ...

    async def try_out(self, name: str, model: str) -> ProviderTrial:
        """Sends a request of a few words."""
        ...
