"""A loaded slice, as whoever serves its sessions sees it."""

from collections.abc import Awaitable, Callable

from crofter.core import AdapterUse, Rows, SliceFile

from .messages import Compute, Computed, Done, Export, Exported, Forget, TakeIn
from .process import WorkerProcess
from .slot import Slot

_LONGEST_STEP_SECONDS = 120.0


class Stage:
    """Made by `Engine.stage`; loaded as long as that is open.

    If its worker dies, what is being computed fails with WORKER_DIED; the next call starts another one, which holds no session.
    """

    def __init__(self, slot: Slot, worker: Callable[[Slot], Awaitable[WorkerProcess]]) -> None:
        """`worker` starts the slot's worker if need be."""
        self._slot = slot
        self._worker = worker

    @property
    def slice(self) -> SliceFile:
        """What is loaded."""
        model = self._slot.model
        if not isinstance(model, SliceFile):
            raise TypeError("a stage's slot holds a slice")
        return model

    @property
    def context_tokens(self) -> int:
        """Rows that a session may have; 0 while no worker runs."""
        return self._slot.serving.loaded.context_tokens if self._slot.serving else 0

    @property
    def kv_tokens(self) -> int:
        """Rows that all sessions may have together, llama.cpp's `n_ctx`; 0 while no worker runs."""
        return self._slot.serving.loaded.kv_tokens if self._slot.serving else 0

    async def compute(self, session: int, rows: Rows, adapters: tuple[AdapterUse, ...] = ()) -> bytes:
        """The result of rows, float32: of all of them, or of the wanted ones where the slice ends its model.

        What the session holds from `rows.position` on is replaced. Steps of a session are computed in the order of the calls.
        `adapters`: cut for this slice, and the same for all steps of a session. Raises MissingRowsError if it holds fewer than
        `rows.position` rows, INVALID_REQUEST, MODEL_INVALID for an adapter that does not fit, CONTEXT_LENGTH_EXCEEDED, OVERLOADED,
        WORKER_DIED.
        """
        worker = self._slot.serving or await self._worker(self._slot)
        reply = await worker.ask(
            Compute(call=0, session=session, rows=rows, adapters=adapters), Computed, _LONGEST_STEP_SECONDS
        )
        return reply.values

    async def forget(self, session: int) -> None:
        """Free what a session holds. Nothing happens if it holds nothing."""
        if self._slot.serving is not None:
            await self._slot.serving.ask(Forget(call=0, session=session), Done, _LONGEST_STEP_SECONDS)

    async def export(self, session: int) -> bytes:
        """All that a session holds, for `take_in` at a stage of the same slice. Raises NOT_FOUND, REQUEST_TOO_LARGE."""
        worker = self._slot.serving or await self._worker(self._slot)
        return (await worker.ask(Export(call=0, session=session), Exported, _LONGEST_STEP_SECONDS)).state

    async def take_in(self, session: int, state: bytes) -> bool:
        """Make a session of what `export` gave. False: it is of another slice, damaged, or there is no room. Raises OVERLOADED."""
        worker = self._slot.serving or await self._worker(self._slot)
        reply = await worker.ask(TakeIn(call=0, session=session, state=state), Done, _LONGEST_STEP_SECONDS)
        return reply.held > 0
