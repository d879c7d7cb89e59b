"""The providers an owner has added: kept, changed, found by name. Keys are handed out to `Providers` only."""

import re
import time
from collections.abc import Iterator

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelId, Radius
from crofter.store import ProviderRecord, ProviderRecords

from .address import checked_address, radius_of
from .catalogue import KINDS
from .values import Provider, RemoteModel

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_MOST_PROVIDERS = 100
_LONGEST_KEY = 4096
_LONGEST_MODEL_NAME = 256
_LATEST = ":latest"
"""What Ollama's clients add to names without a tag; to most providers it means nothing."""
_OWN_ENGINE = "local"
"""How provenance calls this node's own."""


class ProviderBook:
    """Read once, written through. Belongs to one event loop."""

    def __init__(self, records: ProviderRecords) -> None:
        self._records = records
        self._known = {record.name: msgspec.json.decode(record.settings, type=Provider) for record in records.all()}

    def all(self) -> list[Provider]:
        """In the order they were added in."""
        return list(self._known.values())

    def get(self, name: str) -> Provider:
        """Raises NOT_FOUND, naming those there are."""
        provider = self._known.get(name.strip().lower())
        if provider is None:
            known = ", ".join(self._known) or "none yet; `crofter provider add` adds one"
            message = f"There is no provider called {name[:64]!r}. There are: {known}."
            raise CrofterError(ErrorCode.NOT_FOUND, message, parameter="name")
        return provider

    def key(self, name: str) -> str:
        """The key of one; empty if it has none. Never to be shown or logged."""
        return self._records.secret(name)

    def add(self, name: str, *, kind_name: str, base_url: str, radius: Radius | None, key: str) -> Provider:
        """Keep a new one. Raises INVALID_REQUEST for what cannot be, CONFLICT for a name that is taken."""
        name = name.strip().lower()
        if not _NAME.fullmatch(name) or name == _OWN_ENGINE:
            message = f"{name[:64]!r} cannot be a provider's name: use up to 32 of a-z 0-9 . _ -, and not `local`"
            raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="name")
        if name in self._known or len(self._known) >= _MOST_PROVIDERS:
            message = f"There is a provider called {name!r} already: `crofter provider rm {name}` first, or name this one otherwise."
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="name")
        kind = KINDS.get(kind_name or (name if name in KINDS else "custom"))
        if kind is None:
            message = f"there is no kind {kind_name[:64]!r}; there are {', '.join(KINDS)}"
            raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="kind")
        if not (base_url or kind.base_url):
            message = f"say where {name} is: --base-url; only these are known by name: {', '.join(KINDS)}"
            raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="base_url")
        address = checked_address(base_url or kind.base_url)
        if kind.in_cloud and not (key or base_url):
            message = f"{kind.title} needs a key ({kind.keys_at})"
            raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="key")
        provider = Provider(
            name=name,
            kind_name=kind.name,
            base_url=address,
            radius=radius_of(address, kind, radius),
            has_key=bool(key),
            added_at=time.time(),
        )
        self._records.add(_record(provider), _checked_key(key))
        self._known[name] = provider
        return provider

    def change(
        self, name: str, *, enabled: bool | None = None, radius: Radius | None = None, key: str | None = None
    ) -> Provider:
        """Decide anew about one; what is None stays. Raises NOT_FOUND, INVALID_REQUEST."""
        provider = self.get(name)
        if radius is not None:
            radius = radius_of(provider.base_url, provider.kind, radius)
        secret = None if key is None else _checked_key(key)
        return self._save(
            msgspec.structs.replace(
                provider,
                enabled=provider.enabled if enabled is None else enabled,
                radius=radius or provider.radius,
                has_key=provider.has_key if secret is None else bool(secret),
            ),
            secret,
        )

    def remember_models(self, name: str, models: tuple[str, ...]) -> Provider:
        """Keep what a provider just said it offers."""
        return self._save(msgspec.structs.replace(self.get(name), models=models, listed_at=time.time()))

    def remove(self, name: str) -> Provider:
        """Forget one, its key and its models' further names. Raises NOT_FOUND."""
        provider = self.get(name)
        self._records.remove(provider.name)
        del self._known[provider.name]
        return provider

    def find(self, name: str) -> RemoteModel | None:
        """The model that `provider/model` or a further name means; None if it means none.

        A model need not be on the provider's list: new ones appear every day. Raises FORBIDDEN for one of a disabled provider.
        """
        found = self._aliased(name) or self._prefixed(name)
        if found is None:
            return None
        provider, remote_name = found
        if not provider.enabled:
            message = f"{provider.name} is disabled: `crofter provider enable {provider.name}`"
            raise CrofterError(ErrorCode.FORBIDDEN, message, parameter="model")
        return RemoteModel(
            model_id=ModelId(""),
            name=f"{provider.name}/{remote_name}",
            context_length=0,
            provider=provider,
            remote_name=remote_name,
        )

    def alias(self, model: RemoteModel, name: str) -> None:
        """Give a model of a provider one more name, in place of what it meant."""
        self.forget_alias(name)
        provider = self.get(model.provider.name)
        self._save(msgspec.structs.replace(provider, aliases={**provider.aliases, name: model.remote_name}))

    def forget_alias(self, name: str) -> tuple[Provider, str] | None:
        """Whose model it meant, and how that calls it; None if there was no such name."""
        found = self._aliased(name)
        if found is not None:
            provider, _ = found
            rest = {alias: model for alias, model in provider.aliases.items() if alias != name.strip().lower()}
            self._save(msgspec.structs.replace(provider, aliases=rest))
        return found

    def offered(self) -> Iterator[tuple[str, Provider, str]]:
        """What there is to ask for without asking anybody: name, provider, and how that calls the model."""
        for provider in self.all():
            if provider.enabled:
                for alias, model in provider.aliases.items():
                    yield alias, provider, model
                for model in provider.models:
                    yield f"{provider.name}/{model}", provider, model

    def _aliased(self, name: str) -> tuple[Provider, str] | None:
        wanted = name.strip().lower().removesuffix(_LATEST)
        for provider in self._known.values():
            if wanted in provider.aliases:
                return provider, provider.aliases[wanted]
        return None

    def _prefixed(self, name: str) -> tuple[Provider, str] | None:
        prefix, _, remote_name = name.strip().partition("/")
        provider = self._known.get(prefix.lower())
        if (
            provider is None
            or not remote_name
            or len(remote_name) > _LONGEST_MODEL_NAME
            or not remote_name.isprintable()
        ):
            return None
        bare = remote_name.removesuffix(_LATEST)
        return provider, bare if bare in provider.models and remote_name not in provider.models else remote_name

    def _save(self, provider: Provider, secret: str | None = None) -> Provider:
        self._records.save(_record(provider), secret)
        self._known[provider.name] = provider
        return provider


def _record(provider: Provider) -> ProviderRecord:
    return ProviderRecord(name=provider.name, settings=msgspec.json.encode(provider).decode())


def _checked_key(key: str) -> str:
    """A key without what pasting adds. Raises INVALID_REQUEST, which does not repeat it."""
    key = key.strip()
    if not (key.isascii() and key.isprintable() and " " not in key and len(key) <= _LONGEST_KEY):
        raise CrofterError(
            ErrorCode.INVALID_REQUEST, "that is no key: it has spaces, line ends or other characters", parameter="key"
        )
    return key
