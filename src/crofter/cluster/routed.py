"""The backend `route`: answers by models that fit on no node alone, over routes that form when they are needed and last."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import anyio
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
    ModelFile,
    Prompt,
    RerankRequest,
    RerankResult,
    Rows,
    SliceFile,
    Way,
)
from crofter.engine import Engine, machine_now
from crofter.trust import fingerprint

from .adapters import Adapters
from .circuit import Circuits
from .forming import Formed, Former
from .needs import least_ends_bytes
from .remote import PeerAnswers, PeerModel
from .standing import Routes, Standing

_SWEEP_SECONDS = 5.0
_BROKEN = frozenset(
    {
        ErrorCode.PEER_LOST,
        ErrorCode.PEER_UNREACHABLE,
        ErrorCode.PEER_REFUSED,
        ErrorCode.PEER_FAILED,
        ErrorCode.PEER_TOO_SLOW,
        ErrorCode.TIMED_OUT,
        ErrorCode.MODEL_NOT_FOUND,
        ErrorCode.WORKER_DIED,
        ErrorCode.FORBIDDEN,
    }
)
"""After these a route is not used again: the next request forms another one."""


class _Port:
    """One request's sessions over a route: an `engine.RoutePort` for whoever sends rows, and `Results` for whoever brings them back."""

    def __init__(self, circuits: Circuits, formed: Formed) -> None:
        self._circuit = circuits.over(formed.route, self)
        self._returned: Callable[[int, int, bytes], None] | None = None
        self._failed: Callable[[int, CrofterError], None] | None = None

    def begin(self, returned: Callable[[int, int, bytes], None], failed: Callable[[int, CrofterError], None]) -> None:
        self._returned, self._failed = returned, failed

    def forward(self, session: int, step: int, rows: Rows) -> None:
        self._circuit.forward(session, step, rows)

    def release(self, session: int) -> None:
        self._circuit.release(session)

    def close(self) -> None:
        self._circuit.close()

    def returned(self, session: int, step: int, values: bytes) -> None:
        if self._returned is not None:
            self._returned(session, step, values)

    def failed(self, session: int, error: CrofterError) -> None:
        if self._failed is not None:
            self._failed(session, error)


class RoutedAnswers:
    """Answers over `routes`; `run` lets go of those that nobody uses."""

    def __init__(
        self,
        engine: Engine,
        former: Former,
        circuits: Circuits,
        adapters: Adapters,
        peer_answers: PeerAnswers,
        routes: Routes,
    ) -> None:
        self.routes = routes
        self._engine = engine
        self._former = former
        self._circuits = circuits
        self._adapters = adapters
        self._peer_answers = peer_answers

    async def run(self) -> None:
        """Without end."""
        while True:
            await anyio.sleep(_SWEEP_SECONDS)
            self.routes.sweep(time.monotonic())

    # Backend.

    def ways(self, model: Model) -> Sequence[Way]:
        """One, where the model fits no node alone but might fit several. See `core.Backend`."""
        if isinstance(model, ModelFile):
            if self._engine.fit(model).fits:
                return ()
        elif not isinstance(model, PeerModel):
            return ()
        formed = self.routes.owners(model)
        if (self.routes.settings.thin or not (formed or self._has_room(model))) and (
            driven := self._peer_answers.over_routes(model)
        ):
            return driven
        if formed is not None and self.routes.suits(formed):
            nodes = [stage.node_id for stage in formed.placement.stages]
        else:
            # Which of them it will be is known when it is formed.
            nodes = [self._former.own_id, *self._former.helpers()]
        others = tuple(fingerprint(node) for node in nodes if node != self._former.own_id)
        if not others:
            return ()
        here = ("this node",)
        return (
            Way(
                backend="route",
                radius="trusted",
                readers="local",
                ran_on=here + others,
                readable_by=here,
                inferable_by=others,
            ),
        )

    async def generate(self, model: Model, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """See `core.Backend`. Raises what forming the route raises, and what the first stage that fails says.

        A route that turns out to be broken before the first chunk is formed anew, once: nobody can notice.
        """
        if isinstance(model, PeerModel) and model.over_route:
            async with aclosing(self._peer_answers.generate(model, request)) as stream:
                async for chunk in stream:
                    yield chunk
            return
        key = self.routes.key(model, request.only_nodes)
        for attempt in (1, 2):
            route, formed = await self.routes.ready(model, key)
            begun = False
            try:
                async with aclosing(self._over(route, formed, request)) as stream:
                    async for chunk in stream:
                        begun = True
                        yield chunk
                return
            except CrofterError as error:
                if error.code not in _BROKEN:
                    raise
                self.routes.drop(key, route)
                if begun or attempt == 2:
                    raise

    async def _over(self, route: Standing, formed: Formed, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        _require_projector(formed.ends, request.prompt)
        if request.adapters:
            over, own = await self._adapters.over(
                formed.planned.source.header, formed.ends, formed.route, request.adapters
            )
            formed = msgspec.structs.replace(formed, route=over)
            request = msgspec.structs.replace(request, adapters=own)
        port = _Port(self._circuits, formed)
        route.sessions += 1
        try:
            async with aclosing(self._engine.generate_over(formed.ends, request, port)) as stream:
                async for chunk in stream:
                    yield chunk
            route.answers += 1
        finally:
            port.close()
            route.sessions -= 1
            route.used_at = time.monotonic()

    async def embed(self, model: Model, request: EmbeddingRequest) -> EmbeddingResult:  # noqa: ARG002 - the port has it
        """Raises UNSUPPORTED."""
        raise _only_answers(model)

    async def rerank(self, model: Model, request: RerankRequest) -> RerankResult:  # noqa: ARG002 - the port has it
        """Raises UNSUPPORTED."""
        raise _only_answers(model)

    async def tokenize(self, model: Model, prompt: Prompt) -> Sequence[int]:
        """See `core.Backend`. The ends do it, here; no route is formed for that."""
        return await self._engine.tokenize(await self._ends(model, prompt), prompt)

    async def pieces(self, model: Model, prompt: Prompt) -> Sequence[tuple[int, bytes]]:
        """See `core.Backend`; as `tokenize`."""
        return await self._engine.pieces(await self._ends(model, prompt), prompt)

    # The owner's side.

    def drives(self, model: ModelFile) -> bool:
        """Whether prompts for a model can be answered here with the help of others, and not without."""
        return self._has_room(model) and bool(self._former.helpers()) and not self._engine.fit(model).fits

    async def _ends(self, model: Model, prompt: Prompt) -> SliceFile:
        standing = self.routes.of(model)
        formed = standing.formed if standing is not None else None
        ends = formed.ends if formed is not None else await self._former.ends(model)
        _require_projector(ends, prompt)
        return ends

    def _has_room(self, model: Model) -> bool:
        """Whether this machine, with nothing else loaded, has memory for the ends of a model."""
        if isinstance(model, PeerModel):
            needed = model.ends_bytes
        else:
            needed = (
                least_ends_bytes(model, self._engine.settings.parallel_requests) if isinstance(model, ModelFile) else 0
            )
        return needed <= (self._engine.settings.memory_limit_bytes or machine_now().total_bytes)


def _require_projector(ends: SliceFile, prompt: Prompt) -> None:
    """Raises UNSUPPORTED for images and sounds that nothing here turns into rows."""
    if isinstance(prompt, ChatPrompt) and prompt.media and ends.projector is None:
        raise CrofterError(
            ErrorCode.UNSUPPORTED,
            "this model takes no images or sounds over several nodes: its projector is not on this machine, or feeds several"
            " of its layers, which a route cannot do",
            parameter=prompt.media[0].place,
        )


def _only_answers(model: Model) -> CrofterError:
    return CrofterError(
        ErrorCode.UNSUPPORTED,
        f"{model.name} runs over several nodes, and can be asked for answers only",
        parameter="model",
    )
