"""The owner's side of a node: its models, keys and settings."""

from collections.abc import Generator, Mapping
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

from .connection import Connection

ADMIN = "/crofter/v1"
ANY_MODEL_HERE = KeyPolicy()


class Admin:
    """What `crofter` the command asks. Progress is a generator: the last step carries the result, leaving early stops the work.

    >>> from crofter.client import Client
    >>> with Client() as client:
    ...     client.admin.status().default_model
    'seedling'
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def status(self) -> NodeStatus:
        return self._connection.get(f"{ADMIN}/status", NodeStatus)

    def identity(self) -> NodeIdentity:
        """Who the node is to others."""
        return self._connection.get(f"{ADMIN}/identity", NodeIdentity)

    def models(self) -> list[ModelSummary]:
        return self._connection.get(f"{ADMIN}/models", list[ModelSummary])

    def model(self, name: str) -> ModelDetails:
        return self._connection.get(f"{ADMIN}/models/{quote(name)}", ModelDetails)

    def change_model(self, name: str, change: ModelChange) -> ModelDetails:
        return self._connection.send("PATCH", f"{ADMIN}/models/{quote(name)}", ModelDetails, change)

    def alias_model(self, name: str, alias: str) -> ModelSummary:
        return self._connection.send("POST", f"{ADMIN}/aliases", ModelSummary, {"name": name, "alias": alias})

    def remove_model(self, name: str) -> ModelSummary:
        return self._connection.send("DELETE", f"{ADMIN}/models/{quote(name)}", ModelSummary)

    def catalogue(self) -> list[CatalogueItem]:
        """What `pull` knows by a short name."""
        return self._connection.get(f"{ADMIN}/catalogue", list[CatalogueItem])

    def pull(self, request: PullRequest) -> Generator[PullProgress]:
        """Paths in it are the node's, so absolute."""
        return self._connection.progress(f"{ADMIN}/pull", request, PullProgress)

    def verify(self, name: str) -> Generator[PullProgress]:
        return self._connection.progress(f"{ADMIN}/verify", {"name": name}, PullProgress)

    def quantize(self, request: QuantizeRequest) -> Generator[PullProgress]:
        return self._connection.progress(f"{ADMIN}/quantize", request, PullProgress)

    def tune(self, name: str, workload: Literal["chat", "reading"] = "chat") -> Generator[TuneProgress]:
        body: Mapping[str, str] = {"name": name, "workload": workload}
        return self._connection.progress(f"{ADMIN}/tune", body, TuneProgress)

    def loaded_models(self) -> list[LoadedModel]:
        return self._connection.get(f"{ADMIN}/ps", list[LoadedModel])

    def unload(self, name: str) -> None:
        self._connection.send("POST", f"{ADMIN}/unload", object, {"name": name})

    def doctor(self) -> list[Check]:
        return self._connection.get(f"{ADMIN}/doctor", list[Check])

    def settings(self) -> list[Setting]:
        return self._connection.get(f"{ADMIN}/settings", list[Setting])

    def change_setting(self, key: str, value: str) -> Setting:
        return self._connection.send("PUT", f"{ADMIN}/settings/{quote(key)}", Setting, {"value": value})

    def keys(self) -> list[KeySummary]:
        return self._connection.get(f"{ADMIN}/keys", list[KeySummary])

    def create_key(self, name: str, policy: KeyPolicy = ANY_MODEL_HERE) -> CreatedKey:
        """A key for what `policy` allows. The only time its secret is seen."""
        return self._connection.send("POST", f"{ADMIN}/keys", CreatedKey, KeyRequest(name=name, policy=policy))

    def change_key(self, name: str, change: KeyChange) -> KeySummary:
        """What is left out stays as it is."""
        return self._connection.send("PATCH", f"{ADMIN}/keys/{quote(name)}", KeySummary, change)

    def revoke_key(self, name: str) -> KeySummary:
        return self._connection.send("DELETE", f"{ADMIN}/keys/{quote(name)}", KeySummary)

    def shut_down(self) -> None:
        """Ask the node to stop; returns at once."""
        self._connection.send("POST", f"{ADMIN}/shutdown", object)
