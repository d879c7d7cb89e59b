from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode, ModelFile
from crofter.engine import EngineSettings, Machine, judge
from crofter.models import ModelRegistry, needed_memory
from crofter.node.model_view import NamedModels, details, summary
from crofter.providers import ProviderBook, RemoteModel
from crofter.store import Database, ModelRecords, ProviderRecords
from tests.fakes import MODEL
from tests.gguf_files import write_tiny_llama


@pytest.fixture
def database(tmp_path: Path) -> Generator[Database]:
    database = Database.open(tmp_path / "crofter.db", b"k" * 32)
    yield database
    database.close()


@pytest.fixture
def registry(tmp_path: Path, database: Database) -> ModelRegistry:
    write_tiny_llama(tmp_path / "tiny.gguf")
    registry = ModelRegistry(ModelRecords(database), tmp_path / "models")
    registry.add(str(tmp_path / "tiny.gguf"), "tiny", lambda _done, _total: None)
    return registry


@pytest.fixture
def book(database: Database) -> ProviderBook:
    book = ProviderBook(ProviderRecords(database))
    book.add("near", kind_name="custom", base_url="http://127.0.0.1:9", radius=None, key="")
    return book


def test_a_name_becomes_a_file_to_load(registry: ModelRegistry, book: ProviderBook) -> None:
    file = NamedModels(registry, book).resolve("tiny")
    assert isinstance(file, ModelFile)
    assert file.name == "tiny"
    assert file.path.is_file()


def test_a_providers_model_has_its_providers_name_before_it(registry: ModelRegistry, book: ProviderBook) -> None:
    model = NamedModels(registry, book).resolve("Near/Org/Big-7B")
    assert isinstance(model, RemoteModel)
    assert (model.name, model.remote_name) == ("near/Org/Big-7B", "Org/Big-7B")


def test_an_installed_name_never_means_a_providers_model(registry: ModelRegistry, book: ProviderBook) -> None:
    names = NamedModels(registry, book)
    remote = names.resolve("near/other")
    assert isinstance(remote, RemoteModel)
    book.alias(remote, "tiny")
    assert isinstance(names.resolve("tiny"), ModelFile)


def test_a_default_may_be_a_providers_model(registry: ModelRegistry, book: ProviderBook) -> None:
    registry.default_name = "near/big"
    assert NamedModels(registry, book).resolve("").name == "near/big"


def test_an_unknown_name_is_refused(registry: ModelRegistry, book: ProviderBook) -> None:
    with pytest.raises(CrofterError) as raised:
        NamedModels(registry, book).resolve("huge")
    assert raised.value.code is ErrorCode.MODEL_NOT_FOUND


def test_the_owner_sees_what_the_file_says(registry: ModelRegistry) -> None:
    model = next(model for model in registry.installed() if model.name == "tiny")
    shown = details(model, registry, {"threads": 2})
    assert shown.summary == summary(model)
    assert shown.summary.default
    assert (shown.layer_count, shown.tuning) == (2, {"threads": 2})
    assert sum(shown.tensor_types.values()) > 10
    assert [part.name for part in shown.parts if part.is_layer] == ["blk.0", "blk.1"]
    assert sum(shown.bytes_by_type.values()) < shown.summary.size_bytes
    assert shown.file_capabilities == shown.summary.capabilities


def test_what_a_model_takes_is_shown_where_it_was_judged(registry: ModelRegistry) -> None:
    model = next(model for model in registry.installed() if model.name == "tiny")
    settings = EngineSettings()
    roomy = judge(model.file, Machine(physical_cores=2, total_bytes=10**10, available_bytes=10**9), settings, None)
    tight = judge(model.file, Machine(physical_cores=2, total_bytes=10**10, available_bytes=10**7), settings, None)
    assert summary(model).fit == ""
    assert summary(model, roomy).fit == "fits"
    assert summary(model, tight).fit.endswith("10.0 MB free")
    memory = details(model, registry, {}, fit=roomy).memory
    assert memory is not None
    parts = (memory.weights_bytes, memory.kv_bytes, memory.compute_bytes, memory.process_bytes)
    assert memory.total_bytes == sum(parts)
    assert memory.weights_bytes <= model.file.size_bytes
    assert (memory.context_tokens, memory.free_bytes, memory.advice) == (512, 10**9, "")


@pytest.mark.parametrize(
    ("size_bytes", "layers", "kv_bytes_per_token"),
    [
        (806_000_000, 16, 32_768),
        (2_020_000_000, 28, 114_688),
        (2_500_000_000, 36, 147_456),
        (4_920_000_000, 32, 131_072),
        (14_300_000_000, 40, 163_840),
        (18_600_000_000, 48, 98_304),
        (19_800_000_000, 64, 262_144),
        (42_500_000_000, 80, 327_680),
    ],
    ids=["Llama 1B", "Llama 3B", "Qwen3 4B", "Llama 8B", "Mistral 24B", "Qwen3 30B-A3B", "Qwen3 32B", "Llama 70B"],
)
def test_what_is_said_before_a_download_is_near_what_fit_says(
    size_bytes: int, layers: int, kv_bytes_per_token: int
) -> None:
    file = msgspec.structs.replace(
        MODEL, size_bytes=size_bytes, layer_count=layers, kv_bytes_per_token=kv_bytes_per_token, context_length=40_960
    )
    machine = Machine(physical_cores=8, total_bytes=2**40, available_bytes=2**39)
    settings = EngineSettings(context_tokens=2048, kv_memory_bytes=2048 * kv_bytes_per_token)
    taken = judge(file, machine, settings, None).need.total_bytes
    assert needed_memory(size_bytes) == pytest.approx(taken, rel=0.2)
