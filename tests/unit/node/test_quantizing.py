"""Quantising as the owner asks for it, on a whole node's parts."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from crofter.api import PullProgress, PullRequest, QuantizeRequest
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home
from crofter.node.administration import NodeAdministration
from crofter.node.config import load_config
from crofter.node.parts import make_parts
from crofter.trust import Identity
from tests.gguf_files import write_tiny_llama

pytestmark = pytest.mark.anyio


@pytest.fixture
async def administration(tmp_path: Path) -> AsyncGenerator[NodeAdministration]:
    """A node with the model `tiny-f32`."""
    home = Home(tmp_path / "home")
    home.prepare()
    loaded = load_config(home.config_file, {}, {})
    parts = make_parts(home, loaded.config, Identity.make())
    path = write_tiny_llama(tmp_path / "tiny.gguf", hidden=1024)
    async with parts.engine:
        administration = NodeAdministration(parts, loaded, {})
        _ = [step async for step in administration.pull(PullRequest(source=str(path), name="tiny-f32"))]
        yield administration
    parts.database.close()


async def made(administration: NodeAdministration, quantization: str, **fields: str | bool) -> list[PullProgress]:
    request = QuantizeRequest(model="tiny-f32", quantization=quantization, **fields)  # pyright: ignore[reportArgumentType]
    return [step async for step in administration.quantize(request)]


def files(administration: NodeAdministration) -> set[str]:
    models = Path(administration.status().home) / "models"
    return {path.relative_to(models).as_posix() for path in models.rglob("*")}


async def test_a_smaller_model_is_installed_beside_its_source(administration: NodeAdministration) -> None:
    model = (await made(administration, "q4_k_m"))[-1].model
    assert model is not None
    assert (model.name, model.quantization) == ("tiny-q4_k_m", "Q4_K_M")
    details = await administration.model_details("tiny-q4_k_m")
    source = (await administration.model_details("tiny-f32")).summary
    assert model.size_bytes < source.size_bytes / 4
    assert details.origin.startswith(f"made from tiny-f32 ({source.model_id[:12]}), quantised as Q4_K_M by llama.cpp")


async def test_a_taken_name_is_refused_before_the_work(administration: NodeAdministration) -> None:
    with pytest.raises(CrofterError) as refused:
        await made(administration, "Q8_0", name="tiny-f32")
    assert refused.value.code is ErrorCode.CONFLICT


@pytest.mark.parametrize(
    "fields", [{"quantization": "Q9"}, {"quantization": "IQ1_S"}, {"quantization": "Q8_0", "name": "no !"}]
)
async def test_nothing_is_left_of_what_is_refused(administration: NodeAdministration, fields: dict[str, str]) -> None:
    before = files(administration)
    with pytest.raises(CrofterError):
        await made(administration, **fields)
    assert files(administration) == before


async def test_closing_stops_it_and_leaves_nothing(administration: NodeAdministration) -> None:
    before = files(administration)
    steps = administration.quantize(QuantizeRequest(model="tiny-f32", quantization="IQ3_S"))
    async for step in steps:
        if step.status == "quantizing" and step.total_bytes:
            break
    await steps.aclose()
    assert files(administration) == before
