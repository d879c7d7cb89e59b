"""The engine: models loaded on demand, kept while used, restarted when they die, unloaded when others need the memory."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import anyio
import anyio.abc
import anyio.to_thread
import msgspec

from crofter.core import (
    Chunk,
    CrofterError,
    EmbeddingRequest,
    EmbeddingResult,
    ErrorCode,
    GenerationRequest,
    Model,
    ModelFile,
    ModelId,
    Prompt,
    RerankRequest,
    RerankResult,
    SliceFile,
    Way,
)

from . import plan, tuner
from .machine import accelerator_free_bytes, machine_now, resident_bytes
from .process import WorkerProcess
from .rest import TuningMemory, keep_choice, tune_unless_wanted
from .room import Room
from .route import RoutePort
from .settings import EngineSettings
from .slices import is_ends, with_slice
from .slot import Slot
from .stage import Stage
from .values import TuneStep, WorkerStatus
from .verdict import Fit
from .wire import Embed, Embedded, Rerank, Reranked, Tokenize, Tokenized

_WATCH_SECONDS = 1.0
_LONGEST_CALL_SECONDS = 600.0
"""For what comes without a time limit of its own."""


class Engine:
    """The local backend. Use as an async context manager; its tasks live inside."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        log_folder: Path,
        tunings: TuningMemory,
    ) -> None:
        """`tunings` remembers what the tuner chose for a model on this machine."""
        self.settings = settings
        self._log_folder = log_folder
        self._tunings = tunings
        self._slots: dict[ModelId, Slot] = {}
        self._planning = asyncio.Lock()
        self._room = Room(settings, self._slots, tunings)
        self._tasks: anyio.abc.TaskGroup = anyio.create_task_group()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._room.accelerators = await anyio.to_thread.run_sync(accelerator_free_bytes)
        self._tasks.start_soon(self._watch, name="engine watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        async with anyio.create_task_group() as stopping:
            for slot in self._slots.values():
                stopping.start_soon(slot.stop)
        self._tasks.cancel_scope.cancel()
        return await self._tasks.__aexit__(kind, error, trace)

    # Backend.

    def ways(self, model: Model) -> Sequence[Way]:
        """See `core.Backend`. What does not fit this machine has an obstacle."""
        if not isinstance(model, ModelFile) or isinstance(model, SliceFile):
            return ()
        slot = self._slots.get(model.model_id)
        if slot is not None and slot.state is not None:
            return (Way(backend="local"),)
        fit = self._room.fit(model)
        return (Way(backend="local", obstacle="" if fit.fits else f"{model.name} {fit.verdict}"),)

    async def generate(self, model: Model, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """Stream an answer, loading the model if need be. See `core.Backend`.

        If the worker dies before the first chunk the request is sent again, once: nobody can notice.
        """
        timeout = request.timeout_seconds or _LONGEST_CALL_SECONDS
        for attempt in (1, 2):
            slot = self._slot(model)
            with slot.use():
                worker = await self._worker(slot)
                slot.keep_seconds = request.keep_loaded_seconds
                stream = worker.generate(request, timeout)
                begun = False
                try:
                    async for chunk in stream:
                        begun = True
                        yield chunk
                    return
                except CrofterError as error:
                    if begun or attempt == 2 or error.code is not ErrorCode.WORKER_DIED:
                        raise
                finally:
                    await stream.aclose()

    async def embed(self, model: Model, request: EmbeddingRequest) -> EmbeddingResult:
        """See `core.Backend`."""
        slot = self._slot(model)
        with slot.use():
            worker = await self._worker(slot)
            slot.keep_seconds = request.keep_loaded_seconds
            reply = await worker.ask(Embed(call=0, inputs=request.inputs), Embedded, _LONGEST_CALL_SECONDS)
            return EmbeddingResult(vectors=reply.vectors, prompt_tokens=reply.prompt_tokens)

    async def rerank(self, model: Model, request: RerankRequest) -> RerankResult:
        """See `core.Backend`."""
        slot = self._slot(model)
        with slot.use():
            worker = await self._worker(slot)
            asked = Rerank(call=0, query=request.query, documents=request.documents)
            reply = await worker.ask(asked, Reranked, _LONGEST_CALL_SECONDS)
            return RerankResult(scores=reply.scores, cut=reply.cut, prompt_tokens=reply.prompt_tokens)

    async def tokenize(self, model: Model, prompt: Prompt) -> Sequence[int]:
        """See `core.Backend`."""
        return (await self._tokenized(model, Tokenize(call=0, prompt=prompt))).tokens

    async def pieces(self, model: Model, prompt: Prompt) -> Sequence[tuple[int, bytes]]:
        """See `core.Backend`."""
        reply = await self._tokenized(model, Tokenize(call=0, prompt=prompt, with_pieces=True))
        return list(zip(reply.tokens, reply.pieces, strict=True))

    # Parts of models.

    @contextlib.asynccontextmanager
    async def stage(self, part: SliceFile, *, for_others: bool = False) -> AsyncGenerator[Stage]:
        """Layers of a model, loaded as long as this is open. Raises CrofterError as loading any model does.

        `for_others`: it is computed behind everything else on this machine, and unloaded when the owner's models need the room.
        """
        if is_ends(part):
            raise CrofterError(ErrorCode.UNSUPPORTED, f"{part.name} has the ends of its model, and computes no rows")
        slot = self._slot(part, whole=False)
        slot.for_others = for_others and (slot.for_others or not slot.in_use)
        with slot.use():
            await self._worker(slot)
            yield Stage(slot, self._worker)

    async def generate_over(
        self, ends: SliceFile, request: GenerationRequest, route: RoutePort
    ) -> AsyncGenerator[Chunk]:
        """Stream an answer whose layers are computed by the stages of a route, the rest here. Like `generate`, but asked once:
        if the worker dies, it ends with WORKER_DIED.
        """
        if not is_ends(ends):
            raise CrofterError(ErrorCode.UNSUPPORTED, f"{ends.name} is not the ends of a model", parameter="model")
        slot = self._slot(ends, whole=False)
        with slot.use():
            worker = await self._worker(slot)
            slot.keep_seconds = request.keep_loaded_seconds
            stream = worker.generate(request, request.timeout_seconds or _LONGEST_CALL_SECONDS, route)
            try:
                async for chunk in stream:
                    yield chunk
            finally:
                await stream.aclose()

    # The owner's side.

    def loaded(self) -> list[WorkerStatus]:
        """What is loaded, most recently used first."""
        slots = [slot for slot in self._slots.values() if slot.state is not None]
        slots.sort(key=lambda slot: slot.last_used, reverse=True)
        return [slot.status(resident_bytes, self.settings.keep_alive_seconds) for slot in slots]

    def fit(self, model: ModelFile) -> Fit:
        """What a model would be loaded with if every idle one made room for it, and what that takes."""
        return self._room.fit(model)

    def update(self, model: ModelFile) -> None:
        """Go by what is newly said of a model; a new context takes effect when it is loaded next."""
        if model.model_id in self._slots:
            self._slots[model.model_id].model = model

    def keep(self, model_id: ModelId, seconds: float | None) -> None:
        """Say how long a loaded model stays once nobody uses it; 0: it goes as soon as it is idle. See `Slot.keep_seconds`."""
        if model_id in self._slots:
            self._slots[model_id].keep_seconds = seconds

    async def unload(self, model_id: ModelId) -> None:
        """Unload a model; its running requests end with SHUTTING_DOWN. Nothing happens if it is not loaded."""
        slot = self._slots.get(model_id)
        if slot is not None:
            await slot.stop()

    async def tune(self, model: ModelFile, workload: Literal["chat", "reading"]) -> AsyncGenerator[TuneStep]:
        """Measure what llama.cpp leaves to defaults and choose; the last step carries the choice.

        The model is unloaded first, so that it does not compete with its own measurement. Raises CrofterError(CONFLICT) while
        it is answering.
        """
        slot = self._slot(model)
        if slot.in_use:
            raise CrofterError(ErrorCode.CONFLICT, f"{model.name} is answering; tune it when it is idle")
        async with slot.loading:
            await slot.stop()
            base = self._room.plan_beside(model)
            async for step in tuner.tune(base, machine_now().physical_cores, workload, self._tuning_log):
                keep_choice(self._tunings, model.model_id, workload, step)
                yield step

    # Loading and watching.

    @property
    def _tuning_log(self) -> Path:
        return self._log_folder / "worker-tuning.log"

    def _slot(self, model: Model, *, whole: bool = True) -> Slot:
        if not isinstance(model, ModelFile):
            raise CrofterError(ErrorCode.UNSUPPORTED, f"{model.name} is not on this machine", parameter="model")
        if whole and isinstance(model, SliceFile):
            raise CrofterError(ErrorCode.UNSUPPORTED, f"{model.name} is a part of a model", parameter="model")
        slot = self._slots.setdefault(model.model_id, Slot(model))
        slot.model = model
        return slot

    async def _tokenized(self, model: Model, message: Tokenize) -> Tokenized:
        slot = self._slot(model, whole=not is_ends(model))
        with slot.use():
            worker = await self._worker(slot)
            return await worker.ask(message, Tokenized, _LONGEST_CALL_SECONDS)

    async def _worker(self, slot: Slot) -> WorkerProcess:
        """The slot's worker, started if need be. Raises CrofterError."""
        if slot.serving is not None:
            return slot.serving
        async with slot.loading:
            if slot.serving is not None:
                return slot.serving
            slot.state = "restarting" if slot.restarts else "loading"
            try:
                async with self._planning:
                    load = with_slice(await self._room.make(slot), slot.model, self._log_folder / "built")
                    load = msgspec.structs.replace(load, gives_way=slot.for_others)
                    slot.estimated_bytes, slot.accelerator_bytes = load.estimated_bytes, load.accelerator_bytes
                name = "".join(character if character.isalnum() else "-" for character in slot.model.name)
                worker = await WorkerProcess.start(
                    load, self._log_folder / f"worker-{name}.log", self.settings.load_timeout_seconds
                )
            except BaseException:
                slot.forget()
                raise
            slot.worker, slot.state = worker, "ready"
            self._tasks.start_soon(self._supervise, slot, worker, name=f"worker {slot.model.name}")
            return worker

    async def _supervise(self, slot: Slot, worker: WorkerProcess) -> None:
        """Run a worker to its end; if nobody wanted the end, start another one."""
        await worker.run()
        if slot.worker is worker:
            slot.forget()
        if worker.stopping or not slot.may_restart(time.monotonic()):
            return
        try:
            await self._worker(slot)
        except CrofterError:
            return  # The next request tries again, and is told why it fails.

    async def _watch(self) -> None:
        """Unload what is idle, kill what hangs."""
        while True:
            await anyio.sleep(_WATCH_SECONDS)
            for slot in list(self._slots.values()):
                if slot.worker is None:
                    continue
                if slot.worker.hangs():
                    slot.worker.kill()
                elif slot.may_go and slot.left_seconds(self.settings.keep_alive_seconds) == 0.0:
                    self._tasks.start_soon(self._put_to_rest, slot, name=f"rest {slot.model.name}")

    async def _put_to_rest(self, slot: Slot) -> None:
        if not slot.may_go:
            return
        await slot.stop()
        if not self.settings.tune_when_idle or not plan.worth_tuning(slot.model):
            return
        if slot.loading.locked() or self._tunings.settings(slot.model.model_id) is not None:
            return
        if any(other.in_use for other in self._slots.values()):
            return  # Figures taken beside other work would be wrong for good.
        try:
            base = self._room.plan_beside(slot.model)
        except CrofterError:
            return  # Not enough memory to measure now.
        cores, workload = machine_now().physical_cores, self.settings.workload
        await tune_unless_wanted(slot, base, cores, workload, self._tuning_log, self._tunings)
