"""The one place that every request passes: finds the model, chooses the way, keeps track."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import anyio

from crofter.core import (
    Backend,
    CrofterError,
    EmbeddingRequest,
    EmbeddingResult,
    ErrorCode,
    GenerationRequest,
    Intent,
    Model,
    Place,
    Prompt,
    Provenance,
    RequestId,
    RerankRequest,
    RerankResult,
)

from .ability import require_embedding, require_ranking, require_senses, require_writing
from .active import ActiveRequests
from .plan import choose
from .settings import RouterSettings
from .turn import Turn

ON_THIS_NODE = Intent(radius="local")
T = TypeVar("T")


class Resolver(Protocol):
    """Knows models by name."""

    def resolve(self, name: str) -> Model:
        """The model a name, alias or id means; the default model for an empty name. Raises MODEL_NOT_FOUND."""
        ...


class Router:
    """Turns requests into turns. Holds no task of its own; `drain` before the backends are closed."""

    def __init__(self, resolver: Resolver, backends: Sequence[Backend], settings: RouterSettings | None = None) -> None:
        """`settings` may be replaced at any time."""
        self.settings = settings or RouterSettings()
        self._resolver = resolver
        self._backends = tuple(backends)
        self._active = ActiveRequests()

    @property
    def active_count(self) -> int:
        """Requests running now."""
        return self._active.count

    @property
    def draining(self) -> bool:
        """Whether new requests are refused because the node stops."""
        return self._active.closed

    def resolve(self, name: str) -> Model:
        """The model a name means; the default one for an empty name. Raises MODEL_NOT_FOUND."""
        return self._resolver.resolve(name)

    async def open(self, request: GenerationRequest, intent: Intent = ON_THIS_NODE) -> Turn:
        """Choose how a request runs within what its sender allows. Raises MODEL_NOT_FOUND, FORBIDDEN, UNSUPPORTED or SHUTTING_DOWN."""
        self._active.refuse_if_closed()
        model = self._resolver.resolve(request.model)
        require_writing(model, request.prompt)
        backend, handed, provenance = self._place(model, intent)
        return Turn(request=request, model=handed, provenance=provenance, backend=backend, active=self._active)

    async def embed(
        self, request: EmbeddingRequest, intent: Intent = ON_THIS_NODE, *, timeout_seconds: float | None = None
    ) -> tuple[EmbeddingResult, Provenance]:
        """Vectors for the inputs and where they were made. Raises what `open` raises, the backend's errors, TIMED_OUT, CANCELLED."""
        self._active.refuse_if_closed()
        model = self._resolver.resolve(request.model)
        require_embedding(model)
        backend, handed, provenance = self._place(model, intent)
        result = await self._within(request.request_id, timeout_seconds, lambda: backend.embed(handed, request))
        return result, provenance

    async def rerank(
        self, request: RerankRequest, intent: Intent = ON_THIS_NODE, *, timeout_seconds: float | None = None
    ) -> tuple[RerankResult, Provenance]:
        """How well each document answers, and where that was judged. Raises as `embed`."""
        self._active.refuse_if_closed()
        model = self._resolver.resolve(request.model)
        require_ranking(model)
        backend, handed, provenance = self._place(model, intent)
        result = await self._within(request.request_id, timeout_seconds, lambda: backend.rerank(handed, request))
        return result, provenance

    async def tokenize(self, model_name: str, prompt: Prompt, intent: Intent = ON_THIS_NODE) -> Sequence[int]:
        """The token ids a prompt becomes for a model. Raises what `open` raises and the backend's errors."""
        backend, model = self.require_tokens(model_name, prompt, intent)
        return await backend.tokenize(model, prompt)

    async def pieces(
        self, model_name: str, prompt: Prompt, intent: Intent = ON_THIS_NODE
    ) -> Sequence[tuple[int, bytes]]:
        """The same, each with how it is written. Raises as `tokenize`."""
        backend, model = self.require_tokens(model_name, prompt, intent)
        return await backend.pieces(model, prompt)

    async def drain(self, timeout_seconds: float) -> int:
        """Refuse new requests, wait for the running ones, cancel those left and return how many that were."""
        return await self._active.drain(timeout_seconds)

    async def _within(
        self, request_id: RequestId, timeout_seconds: float | None, work: Callable[[], Awaitable[T]]
    ) -> T:
        with anyio.move_on_after(timeout_seconds) as scope, self._active.running(request_id, scope.cancel):
            return await work()
        if scope.deadline <= anyio.current_time():
            message = f"not done within {timeout_seconds:g} seconds; send fewer texts at once"
            raise CrofterError(ErrorCode.TIMED_OUT, message)
        raise CrofterError(ErrorCode.CANCELLED, "the request was cancelled")

    def require_tokens(self, model_name: str, prompt: Prompt, intent: Intent) -> tuple[Backend, Model]:
        """Who turns a prompt into tokens. Raises what `open` raises; asks nobody."""
        self._active.refuse_if_closed()
        model = self._resolver.resolve(model_name)
        require_senses(model, prompt)
        return self._place(model, intent)[:2]

    def _place(self, model: Model, intent: Intent) -> tuple[Backend, Model, Provenance]:
        """Who runs it, what it is to be handed, and where that is."""
        offers = [(backend, way) for backend in self._backends for way in backend.ways(model)]
        choice = choose([way for _, way in offers], intent, self.settings)
        backend, way = offers[choice.index]
        place = {field: getattr(way, field) for field in Place.__struct_fields__}
        provenance = Provenance(**place, model_id=model.model_id, model_name=model.name, reason=choice.reason)
        return backend, way.model or model, provenance
