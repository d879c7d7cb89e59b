"""The layers that this node holds for routes: brought here when they are asked for, within what its owner shares."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated

import anyio
import msgspec

from crofter.core import (
    NODE_ID_BYTES,
    AdapterUse,
    CrofterError,
    ErrorCode,
    ModelId,
    NodeId,
    Rows,
    SliceFile,
    shown_size,
)
from crofter.engine import Engine
from crofter.engine import Stage as EngineStage
from crofter.models import HubPlace, slice_id
from crofter.network import Caller, Peers, StreamKind

from .adapters import Adapters
from .hosting import Stage
from .messages import Open
from .offers import StageOffer
from .sharing import ShareLimits
from .weights import Progress, Weights

_TOLD_SECONDS = 0.5

_Node = Annotated[NodeId, msgspec.Meta(min_length=NODE_ID_BYTES, max_length=NODE_ID_BYTES)]


class Prepare(msgspec.Struct, frozen=True, kw_only=True):
    """Hold these layers, loaded and ready."""

    model_id: Annotated[ModelId, msgspec.Meta(min_length=64, max_length=64)]
    start: Annotated[int, msgspec.Meta(ge=0, lt=100_000)]
    stop: Annotated[int, msgspec.Meta(ge=1, lt=100_000)]
    context_tokens: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
    holders: Annotated[tuple[_Node, ...], msgspec.Meta(max_length=16)]
    """Who has the weights, whole."""
    place: HubPlace | None = None
    """Where the hub has them, for a node that may ask it."""


class Preparing(msgspec.Struct, frozen=True, kw_only=True):
    """How far that is."""

    done_bytes: int = 0
    total_bytes: int = 0
    ready: ModelId | None = None
    """The slice's id, at last."""


PREPARE = StreamKind(
    name="prepare", request=Prepare, reply=Preparing, who="trusted", most_bytes=24_000, per_minute=60, repeatable=False
)  # fmt: skip


class _AdaptedStage:
    """A stage as one session sees it."""

    def __init__(self, stage: EngineStage, adapters: tuple[AdapterUse, ...]) -> None:
        self._stage = stage
        self._adapters = adapters

    async def compute(self, session: int, rows: Rows) -> bytes:
        return await self._stage.compute(session, rows, self._adapters)

    async def forget(self, session: int) -> None:
        await self._stage.forget(session)


class Holdings:
    """Keeps slices on the disk and lets the engine load them. See `StageHost`."""

    def __init__(
        self,
        peers: Peers,
        engine: Engine,
        weights: Weights,
        adapters: Adapters,
        limits: Callable[[], ShareLimits],
        build: str,
    ) -> None:
        self._engine = engine
        self._adapters = adapters
        self._weights = weights
        self._limits = limits
        self._build = build
        self._slices: dict[ModelId, SliceFile] = {}
        self._for_others: set[ModelId] = set()
        peers.serve(PREPARE, self._answer)

    # StageHost.

    @property
    def build(self) -> str:
        """Of llama.cpp."""
        return self._build

    def find(self, slice_id: ModelId) -> SliceFile | None:
        """A slice that was prepared."""
        return self._slices.get(slice_id)

    def stage(self, slice_file: SliceFile, opening: Open, opener: NodeId) -> AbstractAsyncContextManager[Stage]:
        """Loaded, with the adapters of that session, as long as somebody uses it."""
        return self._stage(slice_file, opening, opener)

    @asynccontextmanager
    async def _stage(self, part: SliceFile, opening: Open, opener: NodeId) -> AsyncGenerator[Stage]:
        sized = msgspec.structs.replace(part, context_tokens=opening.context_tokens)
        async with (
            self._adapters.held(opener, opening.adapters) as adapters,
            self._engine.stage(sized, for_others=part.model_id in self._for_others) as stage,
        ):
            yield _AdaptedStage(stage, adapters) if adapters else stage

    async def prepare(
        self, wanted: Prepare, progress: Progress, *, for_others: bool, room_bytes: int | None = None
    ) -> SliceFile:
        """Bring the layers here and load them. Raises OUT_OF_MEMORY, and what `Weights.stage` and the engine raise.

        `room_bytes`: what they may take of the memory; None: whatever the engine has.
        """
        source = await self._weights.source(wanted.model_id, wanted.holders, wanted.place)
        disk_bytes = self._limits().disk_bytes if for_others else None
        part = await self._weights.stage(source, wanted.start, wanted.stop, progress, disk_bytes)
        part = msgspec.structs.replace(part, context_tokens=wanted.context_tokens)
        needed = self._engine.fit(part).need.host.total_bytes
        if room_bytes is not None and needed > room_bytes:
            raise CrofterError(
                ErrorCode.OUT_OF_MEMORY,
                f"these layers need {shown_size(needed)}, and this node has {shown_size(max(0, room_bytes))} left of the"
                " memory it shares",
                retry_after_seconds=30.0,
            )
        self._slices[part.model_id] = part
        if for_others:
            self._for_others.add(part.model_id)
        else:
            self._for_others.discard(part.model_id)
        async with self._engine.stage(part, for_others=for_others):
            return part

    def used_by_others_bytes(self, *, but: ModelId | None = None, in_use: bool = False) -> int:
        """Memory of the loaded stages of others; `in_use`: only of those that somebody uses now."""
        theirs = self._for_others - {but}
        return sum(
            status.resident_bytes
            for status in self._engine.loaded()
            if status.model_id in theirs and not (in_use and status.idle_seconds > 0)
        )

    def offered(self) -> tuple[StageOffer, ...]:
        """What is held ready, for whoever this node trusts."""
        return tuple(
            StageOffer(model_id=part.source_id, start=part.start, stop=part.stop, context_tokens=part.context_tokens)
            for part in self._slices.values()
        )

    def used_disk_bytes(self) -> int:
        """By layers that were cut or fetched here."""
        return self._weights.used_bytes()

    async def _unload_idle(self, *, but: ModelId) -> None:
        """Others' stages that nobody uses make room for one that is wanted."""
        for status in self._engine.loaded():
            if status.model_id in self._for_others - {but} and status.idle_seconds > 0:
                await self._engine.unload(status.model_id)
                self._slices.pop(status.model_id, None)
                self._for_others.discard(status.model_id)

    async def _answer(self, _: Caller, wanted: Prepare) -> AsyncGenerator[Preparing]:
        limits = self._limits()
        if limits.closed_because:
            raise CrofterError(ErrorCode.FORBIDDEN, f"this node shares nothing now: {limits.closed_because}")
        expected = slice_id(wanted.model_id, wanted.start, wanted.stop, is_ends=False)
        await self._unload_idle(but=expected)
        room_bytes = limits.memory_bytes - self.used_by_others_bytes(but=expected)
        state = Preparing()
        outcome: list[SliceFile | CrofterError] = []

        def note(done_bytes: int, total_bytes: int) -> None:
            nonlocal state
            state = Preparing(done_bytes=done_bytes, total_bytes=total_bytes)

        async def work() -> None:
            try:
                outcome.append(await self.prepare(wanted, note, for_others=True, room_bytes=room_bytes))
            except CrofterError as error:
                outcome.append(error)

        yield state
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work, name="preparing layers")
            while not outcome:
                await anyio.sleep(_TOLD_SECONDS)
                yield state
        result = outcome[0]
        if isinstance(result, CrofterError):
            raise result
        yield msgspec.structs.replace(state, ready=result.model_id)
