"""From a model that fits on no node alone to a route that is ready: planned, brought to its nodes, loaded."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing

import anyio
import anyio.to_thread
import msgspec

from crofter.core import CrofterError, ErrorCode, Model, ModelFile, ModelId, NodeId, SliceFile, shown_size
from crofter.engine import Engine, memory_bytes_per_second
from crofter.models import slice_id
from crofter.network import Peers
from crofter.trust import fingerprint

from .holding import PREPARE, Holdings, Prepare
from .needs import ROWS_AT_ONCE, SPARE_SHARE, PartNeeds, part_needs
from .offers import KnownOffer, Offers
from .placement import Candidate, HeldStage, Placement, PlannedStage, place, reused
from .route import Hop, Route
from .weights import Source, Weights
from .wire import Codec, most_rows

_PREPARE_SECONDS = 3000.0
_USUAL_CONTEXT_TOKENS = 8192


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model would go."""

    source: Source
    context_tokens: int
    needs: PartNeeds
    private_layers: int
    placement: Placement


class Formed(msgspec.Struct, frozen=True, kw_only=True):
    """A route whose stages are loaded."""

    planned: Planned
    ends: SliceFile
    route: Route

    @property
    def placement(self) -> Placement:
        """Where its stages are."""
        return self.planned.placement


class Former:
    """Knows the nodes by their offers, and this one by its engine."""

    def __init__(  # noqa: PLR0913 - whatever a route is made of
        self,
        own_id: NodeId,
        peers: Peers,
        offers: Offers,
        engine: Engine,
        weights: Weights,
        holdings: Holdings,
        require_proof: Callable[[str], None] = lambda _architecture: None,
    ) -> None:
        """`require_proof` raises UNSUPPORTED for an architecture whose cuts are not proven here; it may take seconds, in a thread."""
        self.own_id = own_id
        self._peers = peers
        self._offers = offers
        self._engine = engine
        self._weights = weights
        self._holdings = holdings
        self._require_proof = require_proof

    def helpers(self) -> list[NodeId]:
        """Nodes that could hold stages now."""
        return [known.node_id for known in self._able().values()]

    async def plan(self, model: Model, *, private_layers: int = 0, only: Collection[NodeId] | None = None) -> Planned:
        """Where a model would go now. Nothing is loaded, but what it is may be asked of those who hold it.

        `private_layers`: so many of the first and of the last ones stay on this node. `only`: no other nodes are taken.
        Raises UNSUPPORTED for one that cannot be cut, OUT_OF_MEMORY if all nodes together cannot hold it, MODEL_NOT_FOUND.
        """
        await self._offers.refresh()
        holders = self._holders(model.model_id)
        source = await self._weights.source(model.model_id, holders)
        await anyio.to_thread.run_sync(self._require_proof, source.file.architecture)
        if isinstance(model, ModelFile):
            source = msgspec.structs.replace(source, file=model)
        return await anyio.to_thread.run_sync(self._placed, source, private_layers, only)

    async def ends(self, model: Model) -> SliceFile:
        """Tokeniser, embeddings and head alone, fetched where the model is not here. Raises as `plan`."""
        source = await self._weights.source(model.model_id, self._holders(model.model_id))
        if isinstance(model, ModelFile):
            source = msgspec.structs.replace(source, file=model)
        return await self._weights.ends(source, None, lambda _done, _total: None)

    async def form(self, planned: Planned, codec: Codec, doing: Callable[[str], None]) -> Formed:
        """Bring every part to its node and load it there. Raises what the first node that fails says."""
        source, context_tokens = planned.source, planned.context_tokens
        doing("the ends")
        ends = await self._weights.ends(
            source, planned.needs.kept_from, lambda done, total: doing(f"the ends: {_share(done, total)}")
        )
        ends = msgspec.structs.replace(ends, context_tokens=context_tokens)
        failures: list[CrofterError] = []
        waited: dict[NodeId, str] = {}

        async def prepare(stage: PlannedStage) -> None:
            def note(done: int, total: int) -> None:
                at = "this node" if stage.node_id == self.own_id else fingerprint(stage.node_id)
                waited[stage.node_id] = f"layers {stage.start}-{stage.stop - 1} at {at}: {_share(done, total)}"
                doing("; ".join(waited.values()))

            try:
                await self._prepare(stage, source, context_tokens, note)
                waited.pop(stage.node_id, None)
            except CrofterError as error:
                failures.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for stage in planned.placement.stages:
                tasks.start_soon(prepare, stage, name="a stage")
        if failures:
            raise failures[0]
        return Formed(planned=planned, ends=ends, route=self._route(planned, codec))

    async def _prepare(
        self, stage: PlannedStage, source: Source, context_tokens: int, note: Callable[[int, int], None]
    ) -> None:
        holders = source.holders if source.partial is not None else (self.own_id, *source.holders)
        wanted = Prepare(
            model_id=source.file.model_id,
            start=stage.start,
            stop=stage.stop,
            context_tokens=context_tokens,
            holders=tuple(holder for holder in holders if holder != stage.node_id)[:16],
            place=await self._weights.place(source.file.model_id),
        )
        if stage.node_id == self.own_id:
            await self._holdings.prepare(wanted, note, for_others=False)
            return
        stream = self._peers.stream(stage.node_id, PREPARE, wanted, timeout_seconds=_PREPARE_SECONDS)
        with self._weights.helped_by(stage.node_id):
            async with aclosing(stream):
                async for state in stream:
                    note(state.done_bytes, state.total_bytes)
                    if state.ready is not None:
                        return
        raise CrofterError(ErrorCode.PEER_FAILED, f"{fingerprint(stage.node_id)} did not load its layers")

    def _placed(self, source: Source, private_layers: int, only: Collection[NodeId] | None) -> Planned:
        file, settings = source.file, self._engine.settings
        asked = file.context_tokens or settings.context_tokens or _USUAL_CONTEXT_TOKENS
        context_tokens = min(asked, file.context_length or asked)
        needs = part_needs(file, source.header, context_tokens, settings.parallel_requests, private_layers)
        free_bytes = self._engine.fit(file).free_bytes
        if needs.ends_bytes > free_bytes:
            raise CrofterError(
                ErrorCode.OUT_OF_MEMORY,
                f"the ends of {file.name} alone need {shown_size(needs.ends_bytes)} on this node, which has"
                f" {shown_size(free_bytes)}",
            )
        candidates = self._candidates(free_bytes - needs.ends_bytes, only)
        held = self._held(file.model_id, context_tokens, candidates)
        placement = reused(needs.layers, held) or place(needs.layers, candidates)
        return Planned(
            source=source,
            context_tokens=context_tokens,
            needs=needs,
            private_layers=private_layers,
            placement=placement,
        )

    def _candidates(self, own_bytes: int, only: Collection[NodeId] | None) -> list[Candidate]:
        here = Candidate(
            node_id=self.own_id,
            memory_bytes=int(SPARE_SHARE * own_bytes),
            read_bytes_per_second=memory_bytes_per_second(),
            one_way_seconds=0.0,
        )
        others = [known for known in self._able().values() if only is None or known.node_id in only]
        return [here, *map(_candidate, others)]

    def _held(self, model_id: ModelId, context_tokens: int, candidates: Sequence[Candidate]) -> list[HeldStage]:
        """Stages of a model that are ready somewhere, for that context."""
        known = self._offers.known()
        return [
            HeldStage(node=node, start=stage.start, stop=stage.stop)
            for node in candidates
            for stage in (self._holdings.offered() if node.node_id == self.own_id else known[node.node_id].offer.stages)
            if stage.model_id == model_id and stage.context_tokens == context_tokens
        ]

    def _able(self) -> Mapping[NodeId, KnownOffer]:
        return {
            node_id: known
            for node_id, known in self._offers.known().items()
            if known.offer.stage_bytes and known.offer.build == self._holdings.build
        }

    def _holders(self, model_id: ModelId) -> list[NodeId]:
        known: Iterable[KnownOffer] = self._offers.known().values()
        return [each.node_id for each in known if any(model.model_id == model_id for model in each.offer.models)]

    def _route(self, planned: Planned, codec: Codec) -> Route:
        source = planned.source
        width = source.file.shape.embedding_length
        return Route(
            hops=tuple(
                Hop(
                    node_id=stage.node_id,
                    slice_id=slice_id(source.file.model_id, stage.start, stage.stop, is_ends=False),
                    start=stage.start,
                    stop=stage.stop,
                )
                for stage in planned.placement.stages
            ),
            width=width,
            source_layer_count=planned.needs.layer_count,
            context_tokens=planned.context_tokens,
            build=self._holdings.build,
            codec=codec,
            rows_at_once=min(ROWS_AT_ONCE, most_rows(width, codec)),
        )


def _candidate(known: KnownOffer) -> Candidate:
    return Candidate(
        node_id=known.node_id,
        memory_bytes=int(SPARE_SHARE * known.offer.stage_bytes),
        read_bytes_per_second=max(1, known.offer.read_bytes_per_second),
        one_way_seconds=max(1e-6, known.round_trip_seconds / 2),
        trusts=frozenset(known.offer.trusts),
    )


def _share(done: int, total: int) -> str:
    return f"{100 * done // total} %" if total else "loading"
