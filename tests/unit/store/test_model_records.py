from pathlib import Path

import msgspec
import pytest

from crofter.core import ModelId
from crofter.store import Database, ModelName, ModelRecord, ModelRecords


@pytest.fixture
def records(tmp_path: Path) -> ModelRecords:
    return ModelRecords(Database.open(tmp_path / "node.db", bytes(32)))


def record(model_id: str, size_bytes: int = 10) -> ModelRecord:
    return ModelRecord(
        model_id=ModelId(model_id),
        place=f"{model_id}/model.gguf",
        size_bytes=size_bytes,
        modified_ns=1 << 62,
        facts="{}",
    )


def name(text: str, model_id: str, added_at: float = 1.0) -> ModelName:
    return ModelName(name=text, model_id=ModelId(model_id), added_at=added_at)


def test_models_and_names_come_back_as_they_were(records: ModelRecords) -> None:
    records.register(record("aa"), name("second", "aa", 2.0))
    records.register(record("bb"), name("first", "bb", 1.0))
    assert records.names() == [name("first", "bb", 1.0), name("second", "aa", 2.0)]
    assert records.models() == {"aa": record("aa"), "bb": record("bb")}


def test_registering_again_updates(records: ModelRecords) -> None:
    records.register(record("aa"), name("model", "aa"))
    records.register(record("aa", 20), name("model", "aa", 5.0))
    assert records.models() == {"aa": record("aa", 20)}
    assert records.names() == [name("model", "aa", 5.0)]


def test_an_update_changes_only_that_model(records: ModelRecords) -> None:
    records.register(record("aa"), name("one", "aa"))
    records.register(record("bb"), name("two", "bb"))
    changed = msgspec.structs.replace(record("aa"), modified_ns=5)
    records.update(changed)
    assert records.models() == {"aa": changed, "bb": record("bb")}


def test_a_model_is_kept_while_a_name_points_to_it(records: ModelRecords) -> None:
    records.register(record("aa"), name("one", "aa"))
    records.register(record("aa"), name("two", "aa"))
    records.unregister("one")
    assert records.models() == {"aa": record("aa")}
    records.unregister("two")
    assert records.models() == {}
    assert records.names() == []
    records.unregister("two")
