"""What other nodes ask waits behind what the owner asks, and nothing of it is lost."""

from collections.abc import Callable

import anyio
import anyio.lowlevel
import msgspec
import pytest

from crofter.core import Chunk, GenerationRequest, ModelFile, Sampling
from crofter.engine import Engine

from .conftest import Split, ask, collect, text_of

pytestmark = pytest.mark.anyio

SEEDED = Sampling(temperature=0.9, seed=3)


def by_others(request: GenerationRequest) -> GenerationRequest:
    return msgspec.structs.replace(request, for_others=True)


async def test_the_owner_is_answered_first_and_the_guest_goes_on_as_if_nothing_had_been(
    tiny_model: ModelFile, make_engine: Callable[..., Engine]
) -> None:
    long = ask(max_tokens=300, sampling=SEEDED)
    async with make_engine(parallel_requests=1) as engine:
        undisturbed = text_of(await collect(engine, tiny_model, long))
        ended: list[str] = []
        texts: dict[str, str] = {}
        begun = anyio.Event()

        async def guest() -> None:
            chunks: list[Chunk] = []
            async for chunk in engine.generate(tiny_model, by_others(long)):
                begun.set()
                chunks.append(chunk)
            texts["guest"] = text_of(chunks)
            ended.append("guest")

        async def owner() -> None:
            await begun.wait()
            await collect(engine, tiny_model, ask(max_tokens=5))
            ended.append("owner")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(guest)
            tasks.start_soon(owner)
    assert ended == ["owner", "guest"]
    assert texts["guest"] == undisturbed


async def test_of_those_that_wait_the_owner_comes_first(
    tiny_model: ModelFile, make_engine: Callable[..., Engine]
) -> None:
    async with make_engine(parallel_requests=1) as engine:
        await collect(engine, tiny_model, ask(max_tokens=1))
        ended: list[str] = []

        async def work(name: str, request: GenerationRequest) -> None:
            await collect(engine, tiny_model, request)
            ended.append(name)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work, "running", ask(max_tokens=200))
            await anyio.lowlevel.checkpoint()
            for number in range(3):
                tasks.start_soon(work, f"guest {number}", by_others(ask(max_tokens=5)))
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(work, "owner", ask(max_tokens=5))
    assert ended.index("owner") < ended.index("guest 1")


async def test_the_owners_model_takes_the_room_of_a_stage_that_others_use(
    precise: Split, tiny_model: ModelFile, make_engine: Callable[..., Engine]
) -> None:
    part = precise.parts[0]
    async with make_engine() as engine:
        limit = engine.fit(part).need.host.total_bytes + 20_000_000
    async with make_engine(memory_limit_bytes=limit) as engine, engine.stage(part, for_others=True):
        assert [status.model_id for status in engine.loaded()] == [part.model_id]
        await collect(engine, tiny_model, ask(max_tokens=2))
        assert [status.model_id for status in engine.loaded()] == [tiny_model.model_id]
