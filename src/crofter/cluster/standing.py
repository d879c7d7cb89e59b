"""The routes that stand: formed when somebody needs one, kept while they are used."""

import time
from collections.abc import Callable, Collection

import anyio
import msgspec

from crofter.core import CrofterError, ErrorCode, Model, ModelId, NodeId

from .forming import Formed, Former, Planned
from .placement import Placement
from .settings import RouteSettings

_MOST_DRIVEN = 8
"""Routes that were asked for by other nodes."""

_PLANS = 3
_AGAIN_SECONDS = 1.0
_NO_ROOM = frozenset({ErrorCode.OUT_OF_MEMORY, ErrorCode.OVERLOADED})

RouteKey = tuple[ModelId, frozenset[NodeId] | None]
"""A model, and the only other nodes that may be in its route; None: all that this one trusts."""


class Standing(msgspec.Struct, kw_only=True):
    """A route as it is now."""

    model: Model
    doing: str = ""
    """What forming it waits for; empty when it is ready."""
    formed: Formed | None = None
    formed_at: float = 0.0
    """Unix seconds."""
    used_at: float = 0.0
    """Monotonic seconds."""
    sessions: int = 0
    answers: int = 0


class Routes:
    """By model, and by who may be in them. One of a model is formed at a time."""

    def __init__(self, former: Former, settings: RouteSettings) -> None:
        """`settings` may be replaced at any time."""
        self.settings = settings
        self._former = former
        self._routes: dict[RouteKey, Standing] = {}
        self._locks: dict[ModelId, anyio.Lock] = {}

    def all(self) -> list[Standing]:
        """Every route."""
        return list(self._routes.values())

    def key(self, model: Model, only_nodes: Collection[NodeId] | None) -> RouteKey:
        """Which of a model's routes a request may take: the owner's, or one with none but these nodes."""
        if only_nodes is None:
            return model.model_id, None
        return model.model_id, frozenset(only_nodes) & frozenset(self._former.helpers())

    def of(self, model: Model) -> Standing | None:
        """The route of a model, if there is one; of several, the one that is the owner's."""
        found = [standing for (model_id, _), standing in self._routes.items() if model_id == model.model_id]
        return self._routes.get((model.model_id, None), found[0] if found else None)

    def owners(self, model: Model) -> Formed | None:
        """The owner's own route of a model, if it is formed."""
        standing = self._routes.get((model.model_id, None))
        return standing.formed if standing is not None else None

    def suits(self, formed: Formed) -> bool:
        """Whether the settings still ask for it; what is kept at home is so from the next answer on."""
        return formed.planned.private_layers == self.settings.private_layers

    async def plan(self, model: Model, only: Collection[NodeId] | None) -> Planned:
        """How a model would go over a route now. Raises as `Former.plan`."""
        return await self._former.plan(model, private_layers=self.settings.private_layers, only=only)

    async def ready(self, model: Model, key: RouteKey) -> tuple[Standing, Formed]:
        """A route that is formed, now if need be. Raises what forming raises; OVERLOADED for one too many of others."""
        lock = self._locks.setdefault(model.model_id, anyio.Lock())
        async with lock:
            standing = self._routes.get(key)
            if standing is not None and standing.formed is not None and self.suits(standing.formed):
                return standing, standing.formed
            if key[1] is not None:
                self._make_room()
            standing = self._routes[key] = Standing(model=model, doing="asking who has room")
            try:
                formed = standing.formed = await self._formed(model, key, _noted(standing))
            except BaseException:
                self.drop(key, standing)
                raise
            standing.doing, standing.formed_at, standing.used_at = "", time.time(), time.monotonic()
            return standing, formed

    def drop(self, key: RouteKey, standing: Standing) -> None:
        """Do not use a route again."""
        if self._routes.get(key) is standing:
            del self._routes[key]

    def release(self, model: Model) -> Standing:
        """Let the routes of a model go; what runs over them runs to its end. Raises NOT_FOUND."""
        standing = self.of(model)
        if standing is None:
            raise CrofterError(ErrorCode.NOT_FOUND, f"no route was formed for {model.name}", parameter="name")
        self._routes = {key: route for key, route in self._routes.items() if key[0] != model.model_id}
        return standing

    def sweep(self, now: float) -> None:
        """Let go of those that nobody uses any more; `now` in monotonic seconds."""
        for key, route in list(self._routes.items()):
            if route.formed and not route.sessions and now - route.used_at > self.settings.keep_seconds:
                del self._routes[key]

    async def _formed(self, model: Model, key: RouteKey, doing: Callable[[str], None]) -> Formed:
        for _ in range(_PLANS - 1):
            try:
                return await self._formed_once(model, key, doing)
            except CrofterError as error:
                # What a node had room for when it was asked may be gone, or just about to be free again.
                if error.code not in _NO_ROOM:
                    raise
            doing("asking again who has room")
            await anyio.sleep(_AGAIN_SECONDS)
        return await self._formed_once(model, key, doing)

    async def _formed_once(self, model: Model, key: RouteKey, doing: Callable[[str], None]) -> Formed:
        planned = await self.plan(model, key[1])
        return await self._former.form(planned, self.settings.wire, doing)

    def _make_room(self) -> None:
        """For one more route that was asked for by another node. Raises OVERLOADED."""
        asked = [(key, route) for key, route in self._routes.items() if key[1] is not None]
        idle = [(route.used_at, key) for key, route in asked if route.formed and not route.sessions]
        if len(asked) >= _MOST_DRIVEN:
            if not idle:
                raise CrofterError(
                    ErrorCode.OVERLOADED, "this node drives enough routes for others now", retry_after_seconds=10.0
                )
            del self._routes[min(idle, key=lambda each: each[0])[1]]


def placement_of(standing: Standing) -> Placement | None:
    """Where a route's stages are, once it is formed."""
    return standing.formed.placement if standing.formed is not None else None


def _noted(standing: Standing) -> Callable[[str], None]:
    def note(what: str) -> None:
        standing.doing = what

    return note
