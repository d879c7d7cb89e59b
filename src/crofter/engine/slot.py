"""The place of one model in the engine: its worker, if loaded, and the history that decides about it."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Generator

from crofter.core import ModelFile

from .process import WorkerProcess
from .values import WorkerState, WorkerStatus

_CRASHES_REMEMBERED_SECONDS = 60.0
_CRASHES_BEFORE_REST = 3


class Slot:
    """`loading` is held while the worker is being started or measured."""

    def __init__(self, model: ModelFile) -> None:
        self.model = model
        self.worker: WorkerProcess | None = None
        self.state: WorkerState | None = None
        """None: not loaded."""
        self.estimated_bytes = 0
        """On the host; 0: not loaded."""
        self.accelerator_bytes: tuple[int, ...] = ()
        self.last_used = time.monotonic()
        self.keep_seconds: float | None = None
        """How long whoever used it last wants it kept; None: as the settings say."""
        self.restarts = 0
        self.for_others = False
        """Whether it computes for other nodes only: it goes when the owner's models need the room, even while it is used."""
        self.loading = asyncio.Lock()
        self._users = 0
        self._crashes: list[float] = []

    @property
    def in_use(self) -> bool:
        """Whether a request holds this model."""
        return self._users > 0

    @property
    def may_go(self) -> bool:
        """Whether it may be unloaded without being asked for."""
        return not self.in_use and not self.model.pinned

    @property
    def makes_room(self) -> bool:
        """Whether it goes when the owner's models need its memory."""
        return self.may_go or self.for_others

    @property
    def serving(self) -> WorkerProcess | None:
        """The worker, if it takes requests."""
        worker = self.worker
        return worker if worker is not None and worker.alive and not worker.stopping else None

    @contextlib.contextmanager
    def use(self) -> Generator[None]:
        """Hold the model: it is not unloaded for idleness or for others meanwhile."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self.last_used = time.monotonic()

    def may_restart(self, now: float) -> bool:
        """Note a crash at `now` (seconds, monotonic); False if there were too many lately."""
        self._crashes = [crash for crash in self._crashes if now - crash < _CRASHES_REMEMBERED_SECONDS] + [now]
        self.restarts += 1
        return len(self._crashes) < _CRASHES_BEFORE_REST

    async def stop(self) -> None:
        """Unload. Nothing happens if nothing is loaded."""
        worker = self.worker
        if worker is None:
            return
        self.state = "stopping"
        await worker.stop()
        if self.worker is worker:
            self.forget()

    def forget(self) -> None:
        """Nothing is loaded any more."""
        self.worker, self.state, self.estimated_bytes, self.accelerator_bytes = None, None, 0, ()
        self.keep_seconds = None

    def left_seconds(self, keep_alive_seconds: float) -> float | None:
        """Until it is unloaded for idleness, which the settings' time decides unless a user did; None: never."""
        keep = keep_alive_seconds if self.keep_seconds is None else self.keep_seconds
        if keep < 0 or self.model.pinned:
            return None
        return keep if self.in_use else max(0.0, self.last_used + keep - time.monotonic())

    def status(self, resident: Callable[[int], int], keep_alive_seconds: float) -> WorkerStatus:
        """The slot as `ps` shows it; `resident` reads a process's memory."""
        idle = 0.0 if self.in_use else time.monotonic() - self.last_used
        worker = self.worker
        return WorkerStatus(
            name=self.model.name,
            model_id=self.model.model_id,
            state=self.state or "stopping",
            process_id=worker.process_id if worker else 0,
            resident_bytes=resident(worker.process_id) if worker else 0,
            context_tokens=worker.loaded.context_tokens if worker else 0,
            kv_tokens=worker.loaded.kv_tokens if worker else 0,
            kv_tokens_used=worker.occupancy.kv_tokens_used if worker else 0,
            active_requests=worker.occupancy.active_requests if worker else 0,
            queued_requests=worker.occupancy.queued_requests if worker else 0,
            gpu_layers=worker.loaded.gpu_layers if worker else 0,
            threads=worker.loaded.threads if worker else 0,
            restarts=self.restarts,
            idle_seconds=idle,
            expires_in_seconds=self.left_seconds(keep_alive_seconds) if worker else None,
            pinned=self.model.pinned,
        )
