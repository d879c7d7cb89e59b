"""One request on its way: the stream of its answer, with an end that always comes."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager

import anyio

from crofter.core import Backend, Chunk, CrofterError, ErrorCode, GenerationRequest, Model, Provenance

from .active import ActiveRequests


class Turn:
    """A request with the backend and model chosen for it. Nothing runs before `chunks` is iterated, and it is iterated once."""

    def __init__(
        self,
        *,
        request: GenerationRequest,
        model: Model,
        provenance: Provenance,
        backend: Backend,
        active: ActiveRequests,
    ) -> None:
        self.request = request
        self.model = model
        self.provenance = provenance
        self._backend = backend
        self._active = active
        self._step: anyio.CancelScope | None = None
        self._stopped: CrofterError | None = None

    def cancel(self) -> None:
        """End the turn with CANCELLED, now or at its next step. May be called from any task of the loop, and again."""
        self._stop(_cancelled())

    async def chunks(self) -> AsyncGenerator[Chunk]:
        """The answer. Closing this generator closes the backend's, which frees what the request held.

        Raises what the backend raises, TIMED_OUT at the request's own limit, CANCELLED after `cancel`, and WORKER_FAILED if the
        backend stops before every choice is finished: an answer is never cut off silently.
        """
        unfinished = self.request.choices
        with self._active.running(self.request.request_id, self.cancel), self._time_limit():
            async with aclosing(self._backend.generate(self.model, self.request)) as generator:
                while (chunk := await self._next(generator)) is not None:
                    if chunk.finish_reason == "cancelled":
                        raise _cancelled()
                    unfinished -= chunk.finish_reason is not None
                    yield chunk
        if unfinished:
            raise CrofterError(
                ErrorCode.WORKER_FAILED, "the model stopped answering before the answer was complete; try again"
            )

    async def _next(self, generator: AsyncGenerator[Chunk]) -> Chunk | None:
        """The next chunk, None at the end. The scope lives only within one step, as an async generator may not yield inside one."""
        if self._stopped is None:
            with anyio.CancelScope() as self._step:
                return await anext(generator, None)
        raise self._stopped or _cancelled()

    @contextmanager
    def _time_limit(self) -> Generator[None]:
        """One timer for the whole turn: a deadline on each step's scope would cost as much as the rest of the step."""
        timeout_seconds = self.request.timeout_seconds
        if timeout_seconds is None:
            yield
            return
        error = CrofterError(
            ErrorCode.TIMED_OUT,
            f"no complete answer within {timeout_seconds:g} seconds; ask for fewer tokens or raise the time limit",
        )
        timer = asyncio.get_running_loop().call_later(timeout_seconds, self._stop, error)
        try:
            yield
        finally:
            timer.cancel()

    def _stop(self, error: CrofterError) -> None:
        self._stopped = self._stopped or error
        if self._step is not None:
            self._step.cancel()


def _cancelled() -> CrofterError:
    return CrofterError(ErrorCode.CANCELLED, "the request was cancelled")
