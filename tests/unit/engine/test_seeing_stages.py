"""Images in a model over stages: their rows go where the whole model puts them, and the answer is the whole model's."""

from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from crofter.core import Chunk, ModelFile, SliceFile
from crofter.engine import Engine
from crofter.models import make_slice, plan_ends, plan_slice, read_header
from tests.image_files import png
from tests.projector_files import ProjectorKind
from tests.unit.engine.conftest import collect, tokens_of
from tests.unit.engine.over_stages import collect_over, opened, route_over
from tests.unit.engine.seeing import about, chat, model_with_eyes

pytestmark = pytest.mark.anyio
KINDS: list[ProjectorKind] = ["qwen2vl_merger", "gemma3", "mlp"]
"""Positions in three dimensions; rows that see each other; neither."""


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    return shared_engine


def cut(model: ModelFile, folder: Path, *cuts: int) -> tuple[list[SliceFile], SliceFile]:
    header = read_header(model.path)
    plans = [*(plan_slice(header, *part) for part in pairwise((0, *cuts))), plan_ends(header, cuts[-1])]
    *stages, ends = (
        make_slice(plan, header, model, folder / f"{plan.start}-{plan.stop}-{plan.is_ends}.gguf") for plan in plans
    )
    return stages, ends


def logprobs(chunks: list[Chunk]) -> list[float]:
    return [entry.logprob for chunk in chunks for entry in chunk.logprobs]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cuts", [(1, 2), (1,)])
async def test_the_answer_about_an_image_is_that_of_the_whole_model(
    engine: Engine, tmp_path: Path, kind: ProjectorKind, cuts: tuple[int, ...]
) -> None:
    model = model_with_eyes(tmp_path, kind)
    parts, ends = cut(model, tmp_path, *cuts)
    request = about(chat("Look ", png(1, (40, 24)), " and ", png(2, (24, 24)), " there"))
    whole = await collect(engine, model, request)
    async with opened(engine, parts) as stages:
        over = await collect_over(engine, ends, stages, request)
    assert logprobs(over) == logprobs(whole)
    assert tokens_of(over) == tokens_of(whole)
    assert _prompt_tokens(over) == _prompt_tokens(whole) > 20


def _prompt_tokens(chunks: list[Chunk]) -> int:
    usage = chunks[-1].usage
    return usage.prompt_tokens if usage is not None else 0


async def test_sessions_with_images_and_without_are_those_alone(engine: Engine, tmp_path: Path) -> None:
    model = model_with_eyes(tmp_path, "qwen2vl_merger", context=2048)
    parts, ends = cut(model, tmp_path, 1, 2)
    requests = [about(chat("Look ", png(seed, (40 + 8 * seed, 24)), " there")) for seed in range(3)]
    requests += [about(chat("Nothing to see"))]
    alone = [tokens_of(await collect(engine, model, request)) for request in requests]
    together: dict[int, list[int]] = {}
    async with opened(engine, parts) as stages:

        async def one(number: int) -> None:
            together[number] = tokens_of(await collect_over(engine, ends, stages, requests[number]))

        async with anyio.create_task_group() as tasks:
            for number in range(len(requests)):
                tasks.start_soon(one, number)
    assert [together[number] for number in range(len(requests))] == alone


async def test_rows_carry_positions_of_their_own_from_the_first_image_on(engine: Engine, tmp_path: Path) -> None:
    model = model_with_eyes(tmp_path, "qwen2vl_merger")
    parts, ends = cut(model, tmp_path, 1, 2)
    async with opened(engine, parts) as stages, route_over(stages) as route:
        request = about(chat("Look ", png(1, (40, 24)), " there"), max_tokens=2)
        assert [chunk async for chunk in engine.generate_over(ends, request, route)]
    assert [bool(rows.positions) for rows in route.forwarded][:2] == [False, True]
    assert all(rows.positions for rows in route.forwarded[1:])
