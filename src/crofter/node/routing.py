"""The routes of this node as its owner sees them. The one implementation of `api.RouteAdministration`."""

from collections.abc import Callable

from crofter.api import RoutePlanned, RouteStage, RouteSummary
from crofter.cluster import Planned, PlannedStage, Routes, Standing, placement_of
from crofter.core import CrofterError, ErrorCode, Model, ModelFile, NodeId
from crofter.engine import Engine
from crofter.trust import fingerprint, readable_id

_SHOWN_CUTS = 12


class NodeRoutes:
    """Asks the parts that know."""

    def __init__(
        self,
        own_id: NodeId,
        routes: Routes,
        engine: Engine,
        resolve: Callable[[str], Model],
        name_of: Callable[[NodeId], str],
    ) -> None:
        self._own_id = own_id
        self._routes = routes
        self._engine = engine
        self._resolve = resolve
        self._name_of = name_of

    def all(self) -> list[RouteSummary]:
        return [self._summary(standing) for standing in self._routes.all()]

    def get(self, name: str) -> RouteSummary:
        standing = self._routes.of(self._resolve(name))
        if standing is None:
            raise CrofterError(ErrorCode.NOT_FOUND, f"no route was formed for {name}", parameter="name")
        return self._summary(standing)

    async def plan(self, name: str) -> RoutePlanned:
        model = self._resolve(name)
        if isinstance(model, ModelFile) and (fit := self._engine.fit(model)).fits:
            return RoutePlanned(model=name, way="here", reason=f"{fit.verdict} on this node, so that it is not split")
        try:
            planned = await self._routes.plan(model, None)
        except CrofterError as error:
            if error.code not in {ErrorCode.OUT_OF_MEMORY, ErrorCode.UNSUPPORTED}:
                raise
            return RoutePlanned(model=name, way="none", reason=error.message)
        placement = planned.placement
        return RoutePlanned(
            model=name,
            way="route",
            reason=f"fits on no node alone; {len(placement.stages)} hold it together",
            stages=self._stages(planned),
            tokens_per_second=round(1 / placement.seconds_per_token, 2),
            cuts=_cuts(planned.needs.cuts),
        )

    async def release(self, name: str) -> RouteSummary:
        return self._summary(self._routes.release(self._resolve(name)))

    def _summary(self, standing: Standing) -> RouteSummary:
        placement = placement_of(standing)
        return RouteSummary(
            model=standing.model.name,
            model_id=standing.model.model_id,
            state="forming" if placement is None else "ready",
            doing=standing.doing,
            stages=() if standing.formed is None else self._stages(standing.formed.planned),
            sessions=standing.sessions,
            answers=standing.answers,
            formed_at=standing.formed_at,
            tokens_per_second=0.0 if placement is None else round(1 / placement.seconds_per_token, 2),
        )

    def _stages(self, planned: Planned) -> tuple[RouteStage, ...]:
        """Where all its layers are, with those that stay with the ends."""
        stages = [self._stage(stage) for stage in planned.placement.stages]
        needs = planned.needs
        if needs.kept_from < needs.layer_count:
            stages.append(
                RouteStage(
                    node="this node",
                    id=readable_id(self._own_id),
                    start=needs.kept_from,
                    stop=needs.layer_count,
                    memory_bytes=needs.ends_bytes,
                )
            )
        return tuple(stages)

    def _stage(self, stage: PlannedStage) -> RouteStage:
        here = stage.node_id == self._own_id
        return RouteStage(
            node="this node" if here else self._name_of(stage.node_id) or fingerprint(stage.node_id),
            id=readable_id(stage.node_id),
            start=stage.start,
            stop=stage.stop,
            memory_bytes=stage.need_bytes,
        )


def _cuts(cuts: tuple[int, ...]) -> str:
    if not cuts:
        return "nowhere"
    if cuts == tuple(range(cuts[0], cuts[-1] + 1)):
        return f"before any layer from {cuts[0]} to {cuts[-1]}"
    shown = ", ".join(map(str, cuts[:_SHOWN_CUTS]))
    return f"before layer {shown}" + (" ..." if len(cuts) > _SHOWN_CUTS else "")
