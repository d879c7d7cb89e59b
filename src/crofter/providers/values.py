"""A server somebody else runs, as it is kept, and a model of it."""

import msgspec

from crofter.core import Model, Radius

from .catalogue import Kind, kind_named


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """An attached engine or a service, without its key. Kept as JSON: a new field needs a default."""

    name: str
    kind_name: str
    base_url: str
    """With the version (`/v1`), without a slash at the end."""
    radius: Radius
    enabled: bool = True
    has_key: bool = False
    models: tuple[str, ...] = ()
    """What it offered when its owner last asked."""
    listed_at: float | None = None
    """When that was, in Unix seconds; None: never with success."""
    aliases: dict[str, str] = {}
    """Further names of its models, the owner's."""
    added_at: float = 0.0

    @property
    def kind(self) -> Kind:
        return kind_named(self.kind_name)

    def stands_as(self, other: "Provider") -> bool:
        """Whether what was decided about the other holds for this one: where it is, and whether it is used."""
        return all(
            getattr(self, name) == getattr(other, name) for name in ("base_url", "radius", "kind_name", "enabled")
        )


class RemoteModel(Model, frozen=True, kw_only=True):
    """A model that a provider runs."""

    provider: Provider
    """As it was when the model was asked for: what was decided about a request was decided about this."""
    remote_name: str
    """How the provider calls it."""
