"""A tiny random model and an engine that runs it in real workers."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import NamedTuple

import anyio
import gguf
import msgspec
import numpy as np
import pytest

import crofter.models
from crofter.core import Chunk, GenerationRequest, ModelFile, ModelId, RequestId, Sampling, SliceFile, TextPrompt
from crofter.engine import Engine, EngineSettings
from tests.gguf_files import write_tiny_llama
from tests.slice_files import ends_of, in_single_precision, layers_of

GREEDY = Sampling(temperature=0.0)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return model_file(write_tiny_llama(tmp_path_factory.mktemp("models") / "tiny.gguf"))


def model_file(path: Path, *, model_id: str = "tiny") -> ModelFile:
    return ModelFile(
        model_id=ModelId(model_id),
        name=model_id,
        path=path,
        size_bytes=path.stat().st_size,
        architecture="llama",
        layer_count=2,
        context_length=512,
        kv_bytes_per_token=2 * 2 * 2 * 16 * 2,
    )


class Split(NamedTuple):
    """A model whole, and in parts."""

    whole: ModelFile
    parts: tuple[SliceFile, ...]
    ends: SliceFile
    private_ends: SliceFile
    """With the last layer, which the last of the parts is then not needed for."""


def split(path: Path, folder: Path, *cuts: int) -> Split:
    """The packaged model, or one of its shape, cut before these layers."""
    whole = ModelFile(
        model_id=ModelId(path.stem),
        name=path.stem,
        path=path,
        size_bytes=path.stat().st_size,
        architecture="llama",
        layer_count=5,
        context_length=2048,
        kv_bytes_per_token=2 * 5 * 256 * 2,
    )
    bounds = zip((0, *cuts), (*cuts, 5), strict=True)
    return Split(
        whole,
        tuple(layers_of(whole, folder, *bound) for bound in bounds),
        ends_of(whole, folder),
        ends_of(whole, folder, last_layer=True),
    )


PACKAGED = Path(crofter.models.__file__).parent / "embedded" / "seedling.gguf"


@pytest.fixture(scope="session")
def precise(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """The packaged model in float32, in four parts: what it computes does not depend on who else is in a batch."""
    folder = tmp_path_factory.mktemp("precise")
    return split(in_single_precision(PACKAGED, folder / "seedling-f32.gguf"), folder, 1, 3, 4)


@pytest.fixture(scope="session")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """The packaged model as it is (Q8_0), in two parts."""
    return split(PACKAGED, tmp_path_factory.mktemp("quantised"), 2)


class MemoryTunings:
    """Keeps what the engine says for the test to see."""

    def __init__(self) -> None:
        self.kept: dict[ModelId, dict[str, str | int | bool]] = {}

    def settings(self, model_id: ModelId) -> dict[str, str | int | bool] | None:
        return self.kept.get(model_id)

    def keep(
        self, model_id: ModelId, workload: str, settings: dict[str, str | int | bool], measured: dict[str, float]
    ) -> None:
        self.kept[model_id] = settings


@pytest.fixture
def make_engine(tmp_path: Path) -> Callable[..., Engine]:
    def make(**settings: object) -> Engine:
        return Engine(msgspec.convert(settings, EngineSettings), log_folder=tmp_path, tunings=MemoryTunings())

    return make


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """For a whole module, as `shared_engine` lives that long."""
    return "asyncio"


@pytest.fixture(scope="module")
async def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """One engine for the tests that only ask it things."""
    folder = tmp_path_factory.mktemp("logs")
    async with Engine(EngineSettings(), log_folder=folder, tunings=MemoryTunings()) as engine:
        yield engine


@pytest.fixture
async def engine(make_engine: Callable[..., Engine]) -> AsyncGenerator[Engine]:
    async with make_engine() as engine:
        yield engine


def ask(text: str = "Once upon a time there was a small house", **fields: object) -> GenerationRequest:
    values: dict[str, object] = {
        "request_id": RequestId("test"),
        "model": "",
        "prompt": TextPrompt(text=text),
        "sampling": GREEDY,
        "max_tokens": 16,
    }
    return GenerationRequest(**(values | fields))  # pyright: ignore[reportArgumentType]  # the tests name the fields


async def collect(engine: Engine, model: ModelFile, request: GenerationRequest) -> list[Chunk]:
    return [chunk async for chunk in engine.generate(model, request)]


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - the engine's state is polled, as `ps` would
            await anyio.sleep(0.02)


def text_of(chunks: list[Chunk], choice: int = 0) -> str:
    return "".join(chunk.text for chunk in chunks if chunk.choice == choice)


def tokens_of(chunks: list[Chunk], choice: int = 0) -> list[int]:
    return [token for chunk in chunks if chunk.choice == choice for token in chunk.token_ids]


@pytest.fixture(scope="session")
def tiny_adapter(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random LoRA of rank 4 for the tiny model, strong enough to change its answers."""
    path = tmp_path_factory.mktemp("adapters") / "adapter.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 64.0)
    random = np.random.default_rng(5)
    for layer in range(2):
        writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_a", random.standard_normal((4, 64)).astype(np.float32))
        writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_b", random.standard_normal((64, 4)).astype(np.float32))
        writer.add_tensor(f"blk.{layer}.ffn_down.weight.lora_a", random.standard_normal((4, 128)).astype(np.float32))
        writer.add_tensor(f"blk.{layer}.ffn_down.weight.lora_b", random.standard_normal((64, 4)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return str(path)
