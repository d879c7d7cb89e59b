"""A route within one process: stages of real workers, one after the other, as another room would lay it over the network."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from crofter.core import Chunk, CrofterError, GenerationRequest, Rows, SliceFile
from crofter.engine import Engine, Stage


class RouteHere:
    """A RoutePort over stages, each step its own task: steps of a session stay in order, as every stage takes them so."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = stages
        self.released: list[int] = []
        self.forwarded: list[Rows] = []
        self.change: Callable[[bytes], bytes] = bytes
        """What happens to the results on their way back."""
        self._sessions: dict[int, int] = {}
        self._queues: dict[int, asyncio.Queue[tuple[int, Rows] | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, returned: Callable[[int, int, bytes], None], failed: Callable[[int, CrofterError], None]) -> None:
        self._returned, self._failed = returned, failed

    def forward(self, session: int, step: int, rows: Rows) -> None:
        self.forwarded.append(rows)
        if session not in self._queues:
            assert step == 0
            self._queues[session] = asyncio.Queue()
            self._hops(session)
        self._queues[session].put_nowait((step, rows))

    def release(self, session: int) -> None:
        self.released.append(session)
        self._queues.pop(session).put_nowait(None)

    async def done(self) -> None:
        """Until every stage has forgotten every session."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=20)

    def _hops(self, session: int) -> None:
        """A task for each stage, so that the next chunk is at the first while this one is at the second."""
        source = self._queues[session]
        for number, stage in enumerate(self.stages):
            target: asyncio.Queue[tuple[int, Rows] | None] = asyncio.Queue()
            last = number == len(self.stages) - 1
            task = asyncio.create_task(self._hop(stage, session, source, target, last=last))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            source = target

    async def _hop(
        self,
        stage: Stage,
        session: int,
        source: asyncio.Queue[tuple[int, Rows] | None],
        target: asyncio.Queue[tuple[int, Rows] | None],
        *,
        last: bool,
    ) -> None:
        number = id(self) * 1000 + session  # Requests share stages, and have sessions of the same numbers.
        while (item := await source.get()) is not None:
            step, rows = item
            try:
                values = await stage.compute(number % (1 << 62), rows)
            except CrofterError as error:
                self._failed(session, error)
                continue
            if last:
                self._returned(session, step, self.change(values))
            else:
                target.put_nowait((step, _with(rows, values)))
        target.put_nowait(None)
        await stage.forget(number % (1 << 62))


def _with(rows: Rows, values: bytes) -> Rows:
    return Rows(
        position=rows.position,
        count=rows.count,
        wanted=rows.wanted,
        values=values,
        positions=rows.positions,
        mutual=rows.mutual,
    )


@asynccontextmanager
async def opened(engine: Engine, parts: Sequence[SliceFile]) -> AsyncGenerator[list[Stage]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(engine.stage(part)) for part in parts]


async def collect_over(
    engine: Engine, ends: SliceFile, stages: Sequence[Stage], request: GenerationRequest
) -> list[Chunk]:
    route = RouteHere(stages)
    chunks = [chunk async for chunk in engine.generate_over(ends, request, route)]
    await route.done()
    return chunks
