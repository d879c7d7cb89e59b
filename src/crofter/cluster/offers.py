"""What trusted nodes offer each other: models that they hold, memory for layers of others', and how busy they are."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

import anyio
import msgspec

from crofter.core import NODE_ID_BYTES, CrofterError, ModelId, NodeId
from crofter.network import Caller, Kind, Peers

_REFRESH_SECONDS = 10.0
_ASK_SECONDS = 5.0
_FORGOTTEN_SECONDS = 60.0
"""An offer that was not heard again for so long counts no more."""
_MOST_MODELS = 256

_MOST_OTHERS = 256

_Node = Annotated[NodeId, msgspec.Meta(min_length=NODE_ID_BYTES, max_length=NODE_ID_BYTES)]
_Text = Annotated[str, msgspec.Meta(max_length=256)]


class ModelOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a node holds whole."""

    model_id: Annotated[ModelId, msgspec.Meta(min_length=64, max_length=64)]
    name: _Text
    architecture: _Text
    layer_count: Annotated[int, msgspec.Meta(ge=0)]
    size_bytes: Annotated[int, msgspec.Meta(ge=0)]
    context_length: Annotated[int, msgspec.Meta(ge=0)]
    capabilities: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=16)] = ()
    answers: bool = False
    """Whether it fits that node and prompts for it are answered there."""
    routes: bool = False
    """Whether it fits that node only with the help of others, and prompts for it are answered so."""
    ends_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Memory for its ends: without so much a node cannot ask over a route of its own."""


class StageOffer(msgspec.Struct, frozen=True, kw_only=True):
    """Layers of a model that a node holds ready, for whoever it trusts."""

    model_id: Annotated[ModelId, msgspec.Meta(min_length=64, max_length=64)]
    start: Annotated[int, msgspec.Meta(ge=0)]
    stop: Annotated[int, msgspec.Meta(ge=1)]
    context_tokens: Annotated[int, msgspec.Meta(ge=1)]


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a node has for those it trusts, now."""

    build: _Text = ""
    """Of llama.cpp: stages of one route have the same."""
    models: Annotated[tuple[ModelOffer, ...], msgspec.Meta(max_length=_MOST_MODELS)] = ()
    stages: Annotated[tuple[StageOffer, ...], msgspec.Meta(max_length=_MOST_MODELS)] = ()
    stage_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Memory for layers of models, without those that somebody uses now."""
    read_bytes_per_second: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How fast it goes through weights when it writes, about."""
    active_requests: Annotated[int, msgspec.Meta(ge=0)] = 0
    trusts: Annotated[tuple[_Node, ...], msgspec.Meta(max_length=_MOST_OTHERS)] = ()
    """Whom of those that the asker named this node trusts as well."""


class OfferWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What do you have?"""

    others: Annotated[tuple[_Node, ...], msgspec.Meta(max_length=_MOST_OTHERS)] = ()
    """Whom else the asker trusts: rows pass only between nodes that trust each other."""


OFFER = Kind(name="offer", request=OfferWanted, reply=Offer, who="trusted", most_bytes=200_000, per_minute=60)


class KnownOffer(msgspec.Struct, frozen=True, kw_only=True):
    """The newest offer of a node."""

    node_id: NodeId
    offer: Offer
    round_trip_seconds: float
    heard_at: float
    """By `clock`."""


class Offers:
    """Tells what this node offers, and asks trusted nodes again and again while `run` runs."""

    def __init__(
        self,
        peers: Peers,
        trusted: Callable[[], Iterable[NodeId]],
        own: Callable[[], Offer],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`own` may take a moment: it is called in a thread."""
        self._peers = peers
        self._trusted = trusted
        self._own = own
        self._clock = clock
        self._known: dict[NodeId, KnownOffer] = {}
        peers.serve(OFFER, self._answer)

    async def run(self) -> None:
        """Without end; while this node is on the network."""
        while True:
            await self.refresh()
            await anyio.sleep(_REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Ask everybody who is trusted once. Raises nothing: who does not answer is forgotten after a while."""
        self._known = dict(self.known())
        async with anyio.create_task_group() as tasks:
            trusted = tuple(self._trusted())
            for node_id in trusted:
                wanted = OfferWanted(others=tuple(other for other in trusted if other != node_id)[:_MOST_OTHERS])
                tasks.start_soon(self._ask, node_id, wanted, name="offer")

    def known(self) -> Mapping[NodeId, KnownOffer]:
        """What trusted nodes offered lately. May be called in any thread."""
        trusted, now = set(self._trusted()), self._clock()
        return {
            node_id: known
            for node_id, known in list(self._known.items())
            if node_id in trusted and now - known.heard_at <= _FORGOTTEN_SECONDS
        }

    def forget(self, node_id: NodeId) -> None:
        """Do not count on a node until it has been heard again."""
        self._known.pop(node_id, None)

    async def _ask(self, node_id: NodeId, wanted: OfferWanted) -> None:
        began = self._clock()
        try:
            offer = await self._peers.call(node_id, OFFER, wanted, timeout_seconds=_ASK_SECONDS)
        except CrofterError:
            return
        now = self._clock()
        line = next((line for line in self._peers.lines() if line.node_id == node_id), None)
        path = line.path() if line is not None else None
        round_trip = path.round_trip_ms / 1e3 if path is not None else now - began
        self._known[node_id] = KnownOffer(node_id=node_id, offer=offer, round_trip_seconds=round_trip, heard_at=now)

    async def _answer(self, _: Caller, wanted: OfferWanted) -> Offer:
        trusted = set(self._trusted())
        offer = await anyio.to_thread.run_sync(self._own)
        return msgspec.structs.replace(offer, trusts=tuple(node for node in wanted.others if node in trusted))
