"""The owner's side of a node: its models, keys, providers and settings, and the nodes it knows."""

from collections.abc import Mapping
from typing import Generic, Literal, TypeVar
from urllib.parse import quote

from crofter.api import (
    CatalogueItem,
    Check,
    CreatedInvite,
    CreatedKey,
    DayUsage,
    FoundModels,
    ImportRequest,
    InviteSummary,
    InviteText,
    KeyChange,
    KeyPolicy,
    KeyRequest,
    KeySummary,
    KnownProvider,
    LoadedModel,
    ModelChange,
    ModelDetails,
    ModelSearch,
    ModelSummary,
    Nearby,
    NetworkMap,
    NetworkMembership,
    NetworkStatus,
    NewInvite,
    NewPerson,
    NewPool,
    NewProvider,
    NodeIdentity,
    NodeStatus,
    PairingCode,
    PeerSummary,
    PersonChange,
    PersonSummary,
    PingResult,
    PoolSummary,
    ProviderChange,
    ProviderSummary,
    ProviderTrial,
    PullProgress,
    PullRequest,
    QuantizeRequest,
    ReceivedMessage,
    SentMessage,
    Setting,
    TuneProgress,
    TypedCode,
)

from .async_connection import AsyncConnection
from .connection import Connection
from .operation import Operation, Progress, Question
from .request import Request

ANY_MODEL_HERE = KeyPolicy()

C = TypeVar("C", Connection, AsyncConnection)
T = TypeVar("T")


class Admin(Generic[C]):
    """What `crofter` the command asks. An `AsyncClient` has the same to await, and to go through with `async for`.

    >>> from crofter.client import Client
    >>> with Client() as client:
    ...     client.admin.status().default_model
    'seedling'
    """

    def __init__(self, connection: C) -> None:
        self.connection = connection

    @Operation
    def status(self) -> Question[NodeStatus]:
        """The node at a glance."""
        return _get("/status", NodeStatus)

    @Operation
    def identity(self) -> Question[NodeIdentity]:
        """Who the node is to others."""
        return _get("/identity", NodeIdentity)

    @Operation
    def doctor(self) -> Question[list[Check]]:
        """What works, what does not, and what to do about it."""
        return _get("/doctor", list[Check])

    @Operation
    def settings(self) -> Question[list[Setting]]:
        """All of them."""
        return _get("/settings", list[Setting])

    @Operation
    def change_setting(self, key: str, value: str) -> Question[Setting]:
        """Keep it in the node's file; `Setting.restart_needed` says when it takes effect."""
        return _send("PUT", f"/settings/{_part(key)}", Setting, {"value": value})

    @Operation
    def shut_down(self) -> Question[object]:
        """Ask the node to stop; returns at once."""
        return _send("POST", "/shutdown", object)

    @Operation
    def models(self) -> Question[list[ModelSummary]]:
        """The installed ones, and what providers offer."""
        return _get("/models", list[ModelSummary])

    @Operation
    def model(self, name: str) -> Question[ModelDetails]:
        """Everything about one."""
        return _get(f"/models/{quote(name)}", ModelDetails)

    @Operation
    def change_model(self, name: str, change: ModelChange) -> Question[ModelDetails]:
        """What is left out stays as it is."""
        return _send("PATCH", f"/models/{quote(name)}", ModelDetails, change)

    @Operation
    def alias_model(self, name: str, alias: str) -> Question[ModelSummary]:
        """One more name for a model."""
        return _send("POST", "/aliases", ModelSummary, {"name": name, "alias": alias})

    @Operation
    def remove_model(self, name: str) -> Question[ModelSummary]:
        """Forget a name; its files go when no other name needs them."""
        return _send("DELETE", f"/models/{quote(name)}", ModelSummary)

    @Operation
    def loaded_models(self) -> Question[list[LoadedModel]]:
        """Those in memory."""
        return _get("/ps", list[LoadedModel])

    @Operation
    def unload_model(self, name: str) -> Question[object]:
        """Take it out of memory; the next question loads it again."""
        return _send("POST", "/unload", object, {"name": name})

    @Operation
    def catalogue(self) -> Question[list[CatalogueItem]]:
        """What `pull` knows by a short name."""
        return _get("/catalogue", list[CatalogueItem])

    @Operation
    def found_models(self, search: ModelSearch) -> Question[FoundModels]:
        """What other programs keep on the node's machine. Paths are the node's, so absolute."""
        return _send("POST", "/found", FoundModels, search)

    @Progress
    def pull(self, request: PullRequest) -> Question[PullProgress]:
        """Install a model. Paths are the node's, so absolute."""
        return _send("POST", "/pull", PullProgress, request)

    @Progress
    def import_model(self, request: ImportRequest) -> Question[PullProgress]:
        """Use files that `found_models` found."""
        return _send("POST", "/import", PullProgress, request)

    @Progress
    def verify(self, name: str) -> Question[PullProgress]:
        """Compare every byte of a model with its hash."""
        return _send("POST", "/verify", PullProgress, {"name": name})

    @Progress
    def quantize(self, request: QuantizeRequest) -> Question[PullProgress]:
        """Make a smaller version of a model."""
        return _send("POST", "/quantize", PullProgress, request)

    @Progress
    def tune(self, name: str, workload: Literal["chat", "reading"] = "chat") -> Question[TuneProgress]:
        """Measure what the node computes a model fastest with, and remember it."""
        body: Mapping[str, str] = {"name": name, "workload": workload}
        return _send("POST", "/tune", TuneProgress, body)

    @Operation
    def keys(self) -> Question[list[KeySummary]]:
        """All API keys, without their secrets."""
        return _get("/keys", list[KeySummary])

    @Operation
    def key(self, name: str) -> Question[KeySummary]:
        """One of them."""
        return _get(f"/keys/{_part(name)}", KeySummary)

    @Operation
    def create_key(self, name: str, policy: KeyPolicy = ANY_MODEL_HERE) -> Question[CreatedKey]:
        """A key for what `policy` allows. The only time its secret is seen."""
        return _send("POST", "/keys", CreatedKey, KeyRequest(name=name, policy=policy))

    @Operation
    def change_key(self, name: str, change: KeyChange) -> Question[KeySummary]:
        """What is left out stays as it is."""
        return _send("PATCH", f"/keys/{_part(name)}", KeySummary, change)

    @Operation
    def revoke_key(self, name: str) -> Question[KeySummary]:
        """It stops working at once."""
        return _send("DELETE", f"/keys/{_part(name)}", KeySummary)

    @Operation
    def key_usage(self, name: str | None = None, days: int = 30) -> Question[list[DayUsage]]:
        """What was asked with a key, or with each, on the last so many days of UTC; days without a request are left out."""
        path = "/usage" if name is None else f"/keys/{_part(name)}/usage"
        return _get(path, list[DayUsage], query={"days": str(days)})

    @Operation
    def known_providers(self) -> Question[list[KnownProvider]]:
        """What can be added by name alone."""
        return _get("/known-providers", list[KnownProvider])

    @Operation
    def providers(self) -> Question[list[ProviderSummary]]:
        """Those that were added, without their keys."""
        return _get("/providers", list[ProviderSummary])

    @Operation
    def provider(self, name: str) -> Question[ProviderSummary]:
        """One of them."""
        return _get(f"/providers/{_part(name)}", ProviderSummary)

    @Operation
    def add_provider(self, new: NewProvider) -> Question[ProviderSummary]:
        """Add one, and ask it which models it has."""
        return _send("POST", "/providers", ProviderSummary, new)

    @Operation
    def change_provider(self, name: str, change: ProviderChange) -> Question[ProviderSummary]:
        """What is left out stays as it is."""
        return _send("PATCH", f"/providers/{_part(name)}", ProviderSummary, change)

    @Operation
    def remove_provider(self, name: str) -> Question[ProviderSummary]:
        """Forget it and its key."""
        return _send("DELETE", f"/providers/{_part(name)}", ProviderSummary)

    @Operation
    def list_provider_models(self, name: str) -> Question[ProviderSummary]:
        """Ask it which models it has, and list them from now on."""
        return _send("POST", f"/providers/{_part(name)}/models", ProviderSummary)

    @Operation
    def try_provider(self, name: str, model: str = "") -> Question[ProviderTrial]:
        """Send it a request of two words; a service may charge for it. Without `model` the first it lists is asked."""
        return _send("POST", f"/providers/{_part(name)}/test", ProviderTrial, {"model": model})

    @Operation
    def people(self) -> Question[list[PersonSummary]]:
        """The nodes this one knows, and what they are to it."""
        return _get("/people", list[PersonSummary])

    @Operation
    def person(self, name: str) -> Question[PersonSummary]:
        """One of them, by name, id or fingerprint."""
        return _get(f"/people/{_part(name)}", PersonSummary)

    @Operation
    def pair(self, new: NewPerson) -> Question[PersonSummary]:
        """Say yes to a node, known or not, and tell it."""
        return _send("POST", "/people", PersonSummary, new)

    @Operation
    def rename_person(self, name: str, new_name: str) -> Question[PersonSummary]:
        """Call a node something else."""
        return _send("PATCH", f"/people/{_part(name)}", PersonSummary, PersonChange(name=new_name))

    @Operation
    def forget_person(self, name: str) -> Question[PersonSummary]:
        """Be a stranger to it again; ends a pairing for both, and a block."""
        return _send("DELETE", f"/people/{_part(name)}", PersonSummary)

    @Operation
    def accept_person(self, name: str) -> Question[PersonSummary]:
        """Say yes to its request."""
        return _send("POST", f"/people/{_part(name)}/accept", PersonSummary)

    @Operation
    def refuse_person(self, name: str) -> Question[PersonSummary]:
        """Say no to its request."""
        return _send("POST", f"/people/{_part(name)}/refuse", PersonSummary)

    @Operation
    def block_person(self, name: str) -> Question[PersonSummary]:
        """Answer it nothing any more."""
        return _send("POST", f"/people/{_part(name)}/block", PersonSummary)

    @Operation
    def pairing_code(self) -> Question[PairingCode]:
        """The code shown last, and what came of it."""
        return _get("/pairing-code", PairingCode)

    @Operation
    def show_pairing_code(self) -> Question[PairingCode]:
        """A new code, good for one node and some minutes."""
        return _send("POST", "/pairing-code", PairingCode)

    @Operation
    def withdraw_pairing_code(self) -> Question[PairingCode]:
        """Let it be used no more."""
        return _send("DELETE", "/pairing-code", PairingCode)

    @Operation
    def pair_by_code(self, typed: TypedCode) -> Question[PersonSummary]:
        """Pair with the node that shows this code."""
        return _send("POST", "/pairing-code/typed", PersonSummary, typed)

    @Operation
    def pools(self) -> Question[list[PoolSummary]]:
        """Those it owns, is in, or is invited to."""
        return _get("/pools", list[PoolSummary])

    @Operation
    def pool(self, name: str) -> Question[PoolSummary]:
        """One of them, by name or id."""
        return _get(f"/pools/{_part(name)}", PoolSummary)

    @Operation
    def create_pool(self, name: str) -> Question[PoolSummary]:
        """A pool of this node's own."""
        return _send("POST", "/pools", PoolSummary, NewPool(name=name))

    @Operation
    def leave_pool(self, name: str) -> Question[PoolSummary]:
        """Be in it no more, or refuse the invitation; one's own ends for everybody."""
        return _send("DELETE", f"/pools/{_part(name)}", PoolSummary)

    @Operation
    def accept_pool(self, name: str) -> Question[PoolSummary]:
        """Accept the invitation to it."""
        return _send("POST", f"/pools/{_part(name)}/accept", PoolSummary)

    @Operation
    def invite_to_pool(self, name: str, member: str) -> Question[PoolSummary]:
        """Ask a node to join a pool of one's own."""
        return _send("POST", f"/pools/{_part(name)}/invite", PoolSummary, {"member": member})

    @Operation
    def remove_from_pool(self, name: str, member: str) -> Question[PoolSummary]:
        """Have a node in it no more."""
        return _send("POST", f"/pools/{_part(name)}/remove", PoolSummary, {"member": member})

    @Operation
    def invites(self) -> Question[list[InviteSummary]]:
        """Those given out, without what makes them invites."""
        return _get("/invites", list[InviteSummary])

    @Operation
    def create_invite(self, uses: int = 1, days: int = 1) -> Question[CreatedInvite]:
        """For so many nodes and days. The only time its text is seen."""
        return _send("POST", "/invites", CreatedInvite, NewInvite(uses=uses, days=days))

    @Operation
    def revoke_invite(self, name: str) -> Question[InviteSummary]:
        """Nobody joins by it any more; who has joined stays."""
        return _send("DELETE", f"/invites/{_part(name)}", InviteSummary)

    @Operation
    def join(self, text: str, *, switch: bool = False) -> Question[PersonSummary]:
        """Pair with the node that invites; `switch`: also if it leads away from a network in which nodes are known."""
        return _send("POST", "/join", PersonSummary, InviteText(text=text, switch=switch))

    @Operation
    def make_private_network(self) -> Question[NetworkMembership]:
        """A new one, of which the node is the first."""
        return _send("POST", "/private-network", NetworkMembership)

    @Operation
    def leave_private_network(self) -> Question[NetworkMembership]:
        """Back to the open one."""
        return _send("DELETE", "/private-network", NetworkMembership)

    @Operation
    def network(self) -> Question[NetworkStatus]:
        """Whether other nodes can reach this one."""
        return _get("/network", NetworkStatus)

    @Operation
    def peers(self) -> Question[list[PeerSummary]]:
        """The nodes that are known or connected."""
        return _get("/peers", list[PeerSummary])

    @Operation
    def nearby(self) -> Question[list[Nearby]]:
        """The nodes seen on the local network, in the modes that look there."""
        return _get("/nearby", list[Nearby])

    @Operation
    def network_map(self) -> Question[NetworkMap]:
        """The nodes that this one knows, sees or is connected to, and its connections."""
        return _get("/network/map", NetworkMap)

    @Operation
    def ping(self, peer: str) -> Question[PingResult]:
        """Ask a node, by name, id or fingerprint, whether it is there; connects if need be."""
        return _send("POST", f"/peers/{_part(peer)}/ping", PingResult)

    @Operation
    def send_message(self, peer: str, text: str) -> Question[SentMessage]:
        """Say something to the owner of another node."""
        return _send("POST", f"/peers/{_part(peer)}/messages", SentMessage, {"text": text})

    @Operation
    def messages(self) -> Question[list[ReceivedMessage]]:
        """The newest of what other owners said, oldest first."""
        return _get("/messages", list[ReceivedMessage])


def _get(path: str, kind: type[T], *, query: Mapping[str, str] | None = None) -> Question[T]:
    return Question(Request(method="GET", path=f"/crofter/v1{path}", query=query, repeatable=True), kind)


def _send(method: str, path: str, kind: type[T], body: object = None) -> Question[T]:
    return Question(Request(method=method, path=f"/crofter/v1{path}", body=body), kind)


def _part(name: str) -> str:
    """A name as one part of an address; names of models may have several."""
    return quote(name, safe="")
