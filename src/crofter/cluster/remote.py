"""Whole answers by a peer that holds a model: the peer reads the prompt, and says so."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import msgspec

from crofter.core import (
    ChatPrompt,
    Chunk,
    CrofterError,
    EmbeddingRequest,
    EmbeddingResult,
    ErrorCode,
    GenerationRequest,
    Model,
    ModelId,
    NodeId,
    Prompt,
    RerankRequest,
    RerankResult,
    Way,
)
from crofter.network import Caller, Peers, StreamKind
from crofter.trust import fingerprint

from .offers import KnownOffer, ModelOffer, Offers

_MOST_BYTES = 16_000_000
"""Of a request or a chunk: prompts may hold images."""
_LONGEST_SECONDS = 600.0
_MOST_NODES = 256
_MOST_TIMEOUT_SECONDS = 3600.0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An answer by a model that the asked node offers."""

    model_id: ModelId
    request: GenerationRequest


GENERATE = StreamKind(
    name="generate",
    request=Wanted,
    reply=Chunk,
    who="trusted",
    most_bytes=_MOST_BYTES,
    per_minute=600,
    bytes_per_minute=1_000_000_000,
    priority=1,
    repeatable=False,
)


class PeerModel(Model, frozen=True, kw_only=True):
    """A model that is not on this machine, or does not fit it, at one of those who hold it."""

    holder: NodeId
    layer_count: int
    size_bytes: int
    architecture: str
    ends_bytes: int
    over_route: bool = False
    """Whether the holder is to answer with the help of others."""


Answer = Callable[[ModelId, GenerationRequest], AsyncGenerator[Chunk]]
"""How a node answers a prompt of another: with a model of its own, on its own machine."""


class PeerAnswers:
    """The backend `peer`, and the other end of it."""

    def __init__(self, peers: Peers, offers: Offers, answer: Answer) -> None:
        self._peers = peers
        self._offers = offers
        self._answer = answer
        self._running: Counter[NodeId] = Counter()
        """Answers of this node's that each is writing."""
        self._asked: dict[NodeId, int] = {}
        """When each was asked last, counted in requests: they take turns."""
        peers.serve(GENERATE, self._serve)

    def find(self, name: str) -> PeerModel | None:
        """The model that peers call so, or whose id this is, at one of them."""
        for known in self._by_turn():
            for offer in known.offer.models:
                if name in {offer.name, offer.model_id}:
                    return _model(known.node_id, offer)
        return None

    def listed(self) -> list[PeerModel]:
        """Every model of every peer, once for each of them."""
        return [_model(known.node_id, offer) for known in self._by_turn() for offer in known.offer.models]

    # Backend.

    def ways(self, model: Model) -> Sequence[Way]:
        """One for each peer that holds the model and answers with it, taking turns. See `core.Backend`."""
        if not model.model_id:
            return ()
        return tuple(
            _way(_model(known.node_id, offer))
            for known in self._by_turn()
            for offer in known.offer.models
            if offer.model_id == model.model_id and offer.answers
        )

    def over_routes(self, model: Model) -> Sequence[Way]:
        """One for each peer that would read the prompt and answer over a route of its own."""
        return tuple(
            _way(msgspec.structs.replace(_model(known.node_id, offer), over_route=True), self._helpers(known.node_id))
            for known in self._by_turn()
            for offer in known.offer.models
            if offer.model_id == model.model_id and offer.routes
        )

    async def generate(self, model: Model, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """See `core.Backend`. Raises what `Peers.stream` raises."""
        if not isinstance(model, PeerModel):
            raise CrofterError(ErrorCode.UNSUPPORTED, f"no peer was chosen for {model.name}", parameter="model")
        if request.adapters:
            raise CrofterError(
                ErrorCode.UNSUPPORTED, "an adapter of this machine cannot be applied at a peer", parameter="lora"
            )
        self._asked[model.holder] = 1 + max(self._asked.values(), default=0)
        if model.over_route:
            # Whom the holder trusts this node need not trust.
            nodes = (self._peers.node_id, *self._helpers(model.holder))
            request = msgspec.structs.replace(request, only_nodes=nodes[:_MOST_NODES])
        seconds = min(request.timeout_seconds or _LONGEST_SECONDS, _MOST_TIMEOUT_SECONDS)
        wanted = Wanted(model_id=model.model_id, request=request)
        chunks = self._peers.stream(model.holder, GENERATE, wanted, timeout_seconds=seconds)
        self._running[model.holder] += 1
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield chunk
        finally:
            self._running[model.holder] -= 1

    async def embed(self, model: Model, request: EmbeddingRequest) -> EmbeddingResult:  # noqa: ARG002 - the port has it
        """Raises UNSUPPORTED."""
        raise _only_answers(model)

    async def rerank(self, model: Model, request: RerankRequest) -> RerankResult:  # noqa: ARG002 - the port has it
        """Raises UNSUPPORTED."""
        raise _only_answers(model)

    async def tokenize(self, model: Model, prompt: Prompt) -> Sequence[int]:  # noqa: ARG002 - the port has it
        """Raises UNSUPPORTED."""
        raise _only_answers(model)

    async def pieces(self, model: Model, prompt: Prompt) -> Sequence[tuple[int, bytes]]:  # noqa: ARG002 - the port has it
        """Raises UNSUPPORTED."""
        raise _only_answers(model)

    # The other end.

    async def _serve(self, _: Caller, wanted: Wanted) -> AsyncGenerator[Chunk]:
        _require_own_words(wanted.request)
        async with aclosing(self._answer(wanted.model_id, wanted.request)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _helpers(self, holder: NodeId) -> list[NodeId]:
        """Whom this node would let compute a part of what it asks of a holder."""
        return [
            each.node_id for each in self._offers.known().values() if each.offer.stage_bytes and each.node_id != holder
        ]

    def _by_turn(self) -> list[KnownOffer]:
        return sorted(
            self._offers.known().values(),
            key=lambda known: (
                max(self._running[known.node_id], known.offer.active_requests),
                self._asked.get(known.node_id, 0),
                known.round_trip_seconds,
            ),
        )


def _model(holder: NodeId, offer: ModelOffer) -> PeerModel:
    return PeerModel(
        model_id=offer.model_id,
        name=offer.name,
        context_length=offer.context_length,
        capabilities=offer.capabilities,
        holder=holder,
        layer_count=offer.layer_count,
        size_bytes=offer.size_bytes,
        architecture=offer.architecture,
        ends_bytes=offer.ends_bytes,
    )


def _way(model: PeerModel, helpers: Sequence[NodeId] = ()) -> Way:
    there, others = fingerprint(model.holder), tuple(map(fingerprint, helpers))
    return Way(
        backend="peer",
        radius="trusted",
        ran_on=(there, *others),
        readable_by=("this node", there),
        inferable_by=others,
        model=model,
    )


def _only_answers(model: Model) -> CrofterError:
    return CrofterError(
        ErrorCode.UNSUPPORTED, f"{model.name} is at a peer, which can be asked for answers only", parameter="model"
    )


def _require_own_words(request: GenerationRequest) -> None:
    """Refuse what would name things of this machine. Raises UNSUPPORTED."""
    media = request.prompt.media if isinstance(request.prompt, ChatPrompt) else ()
    if request.adapters or any(part.url for part in media):
        raise CrofterError(ErrorCode.UNSUPPORTED, "a peer's request may name neither adapters nor addresses")
    if len(request.only_nodes or ()) > _MOST_NODES:
        raise CrofterError(ErrorCode.INVALID_REQUEST, f"a request may name {_MOST_NODES} nodes at most")
