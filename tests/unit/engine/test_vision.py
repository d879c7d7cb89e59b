"""Images through the engine and a real worker."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
import psutil
import pytest

from crofter.core import CrofterError, ErrorCode, ModelFile, ProjectorFile
from crofter.engine import Engine
from tests.image_files import png
from tests.projector_files import write_tiny_projector
from tests.unit.engine.conftest import collect, text_of, tokens_of, until
from tests.unit.engine.seeing import about, chat, model_with_eyes

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return model_with_eyes(tmp_path_factory.mktemp("models"), "qwen2vl_merger", context=4096)


async def test_answers_about_images_beside_each_other_are_those_alone(shared_engine: Engine, seeing: ModelFile) -> None:
    prompts = [chat("Look ", png(seed, (40 + 8 * seed, 60)), " there") for seed in range(5)]
    alone = [tokens_of(await collect(shared_engine, seeing, about(prompt))) for prompt in prompts]
    together: dict[int, list[int]] = {}

    async def one(number: int) -> None:
        together[number] = tokens_of(await collect(shared_engine, seeing, about(prompts[number])))

    async with anyio.create_task_group() as tasks:
        for number in range(len(prompts)):
            tasks.start_soon(one, number)
    assert [together[number] for number in range(len(prompts))] == alone


async def test_tokens_are_counted_with_those_of_images(shared_engine: Engine, seeing: ModelFile) -> None:
    with_image = await shared_engine.tokenize(seeing, chat("Look ", png(1, (64, 40)), " there"))
    without = await shared_engine.tokenize(seeing, chat("Look ", " there"))
    assert len(with_image) > len(without) + 40
    chunks = await collect(shared_engine, seeing, about(chat("Look ", png(1, (64, 40)), " there")))
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == len(with_image)


async def test_a_request_given_up_while_its_image_is_read_leaves_nothing(
    shared_engine: Engine, seeing: ModelFile
) -> None:
    for seed in range(30, 36):
        stream = shared_engine.generate(seeing, about(chat(png(seed, (400, 400)), "?"), max_tokens=200))
        with anyio.move_on_after(0.02):
            await anext(stream)
        await stream.aclose()
    chunks = await collect(shared_engine, seeing, about(chat(png(1), "?")))
    assert chunks[-1].finish_reason == "length"
    await anyio.lowlevel.checkpoint()
    [status] = [each for each in shared_engine.loaded() if each.model_id == seeing.model_id]
    assert (status.restarts, status.queued_requests) == (0, 0)


async def test_an_image_survives_the_death_of_the_worker_that_was_to_read_it_and_no_process_does(
    engine: Engine, seeing: ModelFile
) -> None:
    expected = tokens_of(await collect(engine, seeing, about(chat(png(1), "?"))))
    process_id = engine.loaded()[0].process_id
    helpers = psutil.Process(process_id).children()
    assert helpers
    os.kill(process_id, signal.SIGSTOP)  # It has the request, and never comes to an end with it.
    got: list[int] = []

    async def one() -> None:
        got.extend(tokens_of(await collect(engine, seeing, about(chat(png(1), "?")))))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        await until(lambda: engine.loaded()[0].idle_seconds == 0.0)
        os.kill(process_id, signal.SIGKILL)
    assert got == expected
    await until(lambda: not any(helper.is_running() for helper in helpers))


async def test_a_model_without_a_projector_refuses_media_by_name(shared_engine: Engine, tiny_model: ModelFile) -> None:
    with pytest.raises(CrofterError) as caught:
        await collect(shared_engine, tiny_model, about(chat("Look ", png())))
    assert (caught.value.code, caught.value.parameter) == (ErrorCode.UNSUPPORTED, "messages[0].content[1]")
    assert text_of(await collect(shared_engine, tiny_model, about(chat("Hello"))))


async def test_a_projector_of_another_model_is_told_at_load(
    make_engine: Callable[..., Engine], seeing: ModelFile, tmp_path: Path
) -> None:
    path = write_tiny_projector(tmp_path / "other.gguf", "qwen2vl_merger", hidden=96)
    other = msgspec.structs.replace(seeing, projector=ProjectorFile(path=path, weight_bytes=1, step_bytes=1))
    async with make_engine() as engine:
        with pytest.raises(CrofterError, match="projector could not be loaded") as caught:
            await collect(engine, other, about(chat("Hello")))
    assert caught.value.code is ErrorCode.MODEL_LOAD_FAILED


async def test_a_projector_counts_in_what_a_model_takes(make_engine: Callable[..., Engine], seeing: ModelFile) -> None:
    assert seeing.projector is not None
    large = msgspec.structs.replace(seeing.projector, weight_bytes=1 << 30, step_bytes=1 << 28)
    async with make_engine() as engine:
        host = engine.fit(msgspec.structs.replace(seeing, projector=large)).need.host
        bare = engine.fit(msgspec.structs.replace(seeing, projector=None)).need.host
    assert host.weights_bytes - bare.weights_bytes == 1 << 30
    assert host.compute_bytes - bare.compute_bytes == 1 << 28
