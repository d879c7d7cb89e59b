from collections.abc import Generator
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models import ModelRegistry
from crofter.node.model_view import NamedFiles, details, summary
from crofter.store import Database, ModelRecords
from tests.gguf_files import write_tiny_llama


@pytest.fixture
def registry(tmp_path: Path) -> Generator[ModelRegistry]:
    write_tiny_llama(tmp_path / "tiny.gguf")
    database = Database.open(tmp_path / "crofter.db", b"k" * 32)
    registry = ModelRegistry(ModelRecords(database), tmp_path / "models")
    registry.add(str(tmp_path / "tiny.gguf"), "tiny", lambda _done, _total: None)
    yield registry
    database.close()


def test_a_name_becomes_a_file_to_load(registry: ModelRegistry) -> None:
    file = NamedFiles(registry).resolve("tiny")
    assert file.name == "tiny"
    assert file.path.is_file()


def test_an_unknown_name_is_refused(registry: ModelRegistry) -> None:
    with pytest.raises(CrofterError) as raised:
        NamedFiles(registry).resolve("huge")
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
