"""An adapter that was cut for the parts of a model changes their answer as it changes the whole model's."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import anyio
import gguf
import numpy as np
import pytest

from crofter.core import AdapterUse, Chunk, CrofterError, ErrorCode, GenerationRequest, ModelFile, Rows, SliceFile
from crofter.engine import Engine, Stage
from crofter.models import make_slice, plan_ends, plan_slice, read_header, slice_adapter

from .conftest import ask, collect, tokens_of
from .over_stages import collect_over, opened

pytestmark = pytest.mark.anyio
QUESTION = ask(max_tokens=24, top_logprobs=1)


class Parts(NamedTuple):
    stages: list[SliceFile]
    ends: SliceFile


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    return shared_engine


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory, tiny_adapter: str) -> Path:
    """The tiny adapter, which changes the layers, with a part that changes the head."""
    path = tmp_path_factory.mktemp("adapter") / "with-head.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 64.0)
    for tensor in gguf.GGUFReader(tiny_adapter).tensors:
        writer.add_tensor(tensor.name, tensor.data)
    random = np.random.default_rng(6)
    writer.add_tensor("output.weight.lora_a", random.standard_normal((4, 64)).astype(np.float32))
    writer.add_tensor("output.weight.lora_b", random.standard_normal((300, 4)).astype(np.float32) / 8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def cut(model: ModelFile, folder: Path, *cuts: int) -> Parts:
    """Stages between the cuts, and ends with the layers from the last on."""
    header = read_header(model.path)
    plans = [*(plan_slice(header, *part) for part in pairwise((0, *cuts))), plan_ends(header, cuts[-1])]
    *stages, ends = (
        make_slice(plan, header, model, folder / f"{plan.start}-{plan.stop}-{plan.is_ends}.gguf") for plan in plans
    )
    return Parts(stages, ends)


def cut_adapter(adapter: Path, model: ModelFile, folder: Path, parts: Parts) -> list[tuple[AdapterUse, ...]]:
    """For each stage, and last for the ends."""
    header, whole = read_header(adapter), read_header(model.path)
    plans = [*(plan_slice(whole, part.start, part.stop) for part in parts.stages), plan_ends(whole, parts.ends.start)]
    uses: list[tuple[AdapterUse, ...]] = []
    for plan in plans:
        path = folder / f"lora-{plan.start}-{plan.stop}-{plan.is_ends}.gguf"
        uses.append((AdapterUse(path=str(path), scale=0.5),) if slice_adapter(header, plan, path) else ())
    return uses


class Adapted:
    """A stage whose rows are all computed under adapters."""

    def __init__(self, stage: Stage, adapters: tuple[AdapterUse, ...]) -> None:
        self._stage = stage
        self._adapters = adapters

    async def compute(self, session: int, rows: Rows) -> bytes:
        return await self._stage.compute(session, rows, self._adapters)

    async def forget(self, session: int) -> None:
        await self._stage.forget(session)


@asynccontextmanager
async def both(
    engine: Engine, parts: Parts, uses: list[tuple[AdapterUse, ...]]
) -> AsyncGenerator[tuple[list[Stage], list[Adapted]]]:
    async with opened(engine, parts.stages) as stages:
        yield stages, [Adapted(stage, use) for stage, use in zip(stages, uses, strict=False)]


def logprobs(chunks: list[Chunk]) -> list[float]:
    return [entry.logprob for chunk in chunks for entry in chunk.logprobs]


@pytest.mark.parametrize("cuts", [(1, 2), (2,), (1,)])
async def test_the_answer_is_that_of_the_whole_model_with_the_adapter(
    engine: Engine, tiny_model: ModelFile, adapter: Path, tmp_path: Path, cuts: tuple[int, ...]
) -> None:
    parts = cut(tiny_model, tmp_path, *cuts)
    uses = cut_adapter(adapter, tiny_model, tmp_path, parts)
    expected = await collect(engine, tiny_model, _with(QUESTION, (AdapterUse(path=str(adapter), scale=0.5),)))
    async with both(engine, parts, uses) as (plain, adapted):
        over = await collect_over(engine, parts.ends, adapted, _with(QUESTION, uses[-1]))
        without = await collect_over(engine, parts.ends, plain, QUESTION)
        only_stages = await collect_over(engine, parts.ends, adapted, QUESTION)
    assert logprobs(over) == logprobs(expected)
    assert tokens_of(over) == tokens_of(expected)
    assert logprobs(without) == logprobs(await collect(engine, tiny_model, QUESTION))
    assert logprobs(only_stages) != logprobs(over)
    assert tokens_of(without) != tokens_of(over)


async def test_sessions_under_an_adapter_and_without_take_turns(
    engine: Engine, tiny_model: ModelFile, adapter: Path, tmp_path: Path
) -> None:
    parts = cut(tiny_model, tmp_path, 1, 2)
    uses = cut_adapter(adapter, tiny_model, tmp_path, parts)
    found: dict[str, list[int]] = {}
    async with both(engine, parts, uses) as (plain, adapted):

        async def one(name: str) -> None:
            stages, request = (plain, QUESTION) if name.startswith("plain") else (adapted, _with(QUESTION, uses[-1]))
            found[name] = tokens_of(await collect_over(engine, parts.ends, stages, request))

        for name in ("plain", "adapted"):
            await one(name)
        async with anyio.create_task_group() as tasks:
            for name in ("plain 1", "adapted 1", "plain 2", "adapted 2"):
                tasks.start_soon(one, name)
    assert found["plain"] != found["adapted"]
    assert all(found[name] == found[name.split()[0]] for name in found)


async def test_an_adapter_that_does_not_fit_fails_its_own_session_only(
    engine: Engine, tiny_model: ModelFile, tmp_path: Path
) -> None:
    parts = cut(tiny_model, tmp_path, 1, 2)
    async with opened(engine, parts.stages) as stages:
        broken = [stages[0], Adapted(stages[1], (AdapterUse(path=str(tmp_path / "none.gguf")),))]
        with pytest.raises(CrofterError) as caught:
            await collect_over(engine, parts.ends, broken, QUESTION)
        assert caught.value.code is ErrorCode.MODEL_INVALID
        assert str(tmp_path) not in caught.value.message
        assert tokens_of(await collect_over(engine, parts.ends, stages, QUESTION))


def _with(request: GenerationRequest, adapters: tuple[AdapterUse, ...]) -> GenerationRequest:
    return ask(max_tokens=request.max_tokens, top_logprobs=request.top_logprobs, adapters=adapters)
