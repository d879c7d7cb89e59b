"""Which node a framework's object asks, as fields of it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

from pydantic import BaseModel, SecretStr

from crofter.client import AsyncClient, ChatOptions, Client
from crofter.core import Radius


class NodeFields(BaseModel):
    """What every class here has beside its framework's own fields."""

    model: str = ""
    """A name on the node; its default model otherwise."""
    base_url: str | None = None
    """The node; otherwise CROFTER_URL's, or the one that runs on this user's home."""
    api_key: SecretStr | None = None
    radius: Radius = "local"
    """How far what is said may travel: this node, `trusted` peers, or the `public`."""
    timeout: float = 600.0
    """The longest silence, in seconds."""
    max_retries: int = 2

    @cached_property
    def node(self) -> Client:
        """The client, made when it is first needed."""
        return Client(self.base_url, self._key, timeout_seconds=self.timeout, retries=self.max_retries)

    def async_node(self) -> AsyncClient:
        """A client for one request: objects of frameworks are used from one event loop after the other, and connections cannot be."""
        return AsyncClient(self.base_url, self._key, timeout_seconds=self.timeout, retries=self.max_retries)

    @property
    def _key(self) -> str | None:
        return None if self.api_key is None else self.api_key.get_secret_value()


class WritingFields(NodeFields):
    """What the classes that write have as well."""

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None

    def options(self, given: Mapping[str, Any]) -> ChatOptions:
        """These fields and what a call says, as the client takes it; what that has no name for goes to the node as it is."""
        own: dict[str, Any] = {
            "model": self.model,
            "radius": self.radius,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
        }
        said = {name: value for name, value in {**own, **given}.items() if value is not None}
        named = ChatOptions.__optional_keys__
        more = {name: said.pop(name) for name in said.keys() - named}
        return cast(ChatOptions, {**said, "more": more})
