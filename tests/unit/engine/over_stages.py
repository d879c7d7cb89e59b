"""A route within one process: stages of real workers, one after the other, as another room would lay it over the network."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import anyio
import msgspec
from anyio.abc import TaskGroup

from crofter.core import Chunk, CrofterError, GenerationRequest, Rows, SliceFile
from crofter.engine import Engine, Stage


class Computes(Protocol):
    async def compute(self, session: int, rows: Rows) -> bytes: ...

    async def forget(self, session: int) -> None: ...


_Queue = asyncio.Queue[tuple[int, Rows] | None]


_numbers = itertools.count()


class RouteHere:
    """A RoutePort over stages. Each has a task for each session, so that the next chunk is at the first while this one is further on."""

    def __init__(self, stages: Sequence[Computes], tasks: TaskGroup) -> None:
        self.stages = stages
        self.released: list[int] = []
        self.forwarded: list[Rows] = []
        self.change: Callable[[bytes], bytes] = bytes
        """What happens to the results on their way back."""
        self.may_return = asyncio.Event()
        self.may_return.set()
        self._inputs: dict[int, _Queue] = {}
        self._tasks = tasks

    def begin(self, returned: Callable[[int, int, bytes], None], failed: Callable[[int, CrofterError], None]) -> None:
        self._returned, self._failed = returned, failed

    def forward(self, session: int, step: int, rows: Rows) -> None:
        self.forwarded.append(rows)
        if session not in self._inputs:
            assert step == 0
            self._inputs[session] = self._line(session)
        self._inputs[session].put_nowait((step, rows))

    def release(self, session: int) -> None:
        self.released.append(session)
        self._inputs.pop(session).put_nowait(None)

    def _line(self, session: int) -> _Queue:
        first = source = _Queue()
        number = next(_numbers)
        for stage in self.stages:
            target = _Queue()
            self._tasks.start_soon(self._compute, stage, number, session, source, target)
            source = target
        self._tasks.start_soon(self._give_back, session, source)
        return first

    async def _compute(self, stage: Computes, number: int, session: int, source: _Queue, target: _Queue) -> None:
        while (item := await source.get()) is not None:
            step, rows = item
            try:
                values = await stage.compute(number, rows)
            except CrofterError as error:
                self._failed(session, error)
                continue
            target.put_nowait((step, msgspec.structs.replace(rows, values=values)))
        target.put_nowait(None)
        with contextlib.suppress(CrofterError):
            await stage.forget(number)

    async def _give_back(self, session: int, source: _Queue) -> None:
        while (item := await source.get()) is not None:
            await self.may_return.wait()
            self._returned(session, item[0], self.change(item[1].values))


@asynccontextmanager
async def opened(engine: Engine, parts: Sequence[SliceFile]) -> AsyncGenerator[list[Stage]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(engine.stage(part)) for part in parts]


@asynccontextmanager
async def route_over(stages: Sequence[Computes]) -> AsyncGenerator[RouteHere]:
    """When it closes, every session is to be released, and every stage has forgotten it."""
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            yield RouteHere(stages, tasks)


async def collect_over(
    engine: Engine, ends: SliceFile, stages: Sequence[Computes], request: GenerationRequest
) -> list[Chunk]:
    async with route_over(stages) as route:
        try:
            return [chunk async for chunk in engine.generate_over(ends, request, route)]
        except CrofterError as error:
            failure = error  # Raised here, it would be one of a group.
    raise failure
