from collections.abc import Iterator
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models import ModelRegistry, ModelSettings, Overrides, checked_capabilities
from crofter.store import Database, ModelRecords, ModelSettingRecords
from tests.gguf_files import write_tiny_llama


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "crofter.db", b"k" * 32)
    yield database
    database.close()


@pytest.fixture
def overrides(database: Database) -> Overrides:
    return Overrides(ModelSettingRecords(database))


@pytest.fixture
def registry(tmp_path: Path, database: Database, overrides: Overrides) -> ModelRegistry:
    """With the model `tiny`."""
    registry = ModelRegistry(ModelRecords(database), tmp_path / "models", overrides=overrides)
    registry.add(str(write_tiny_llama(tmp_path / "tiny.gguf")), "tiny", lambda _done, _total: None)
    return registry


def test_a_decision_counts_at_once_and_for_every_name(registry: ModelRegistry, overrides: Overrides) -> None:
    registry.alias("tiny", "small")
    overrides.change(
        registry.resolve("tiny"), ModelSettings(capabilities=("embedding",), context_tokens=300, pinned=True)
    )
    for name in ("tiny", "small"):
        model = registry.resolve(name)
        assert model.capabilities == ("embedding",)
        assert "chat" in model.facts.capabilities  # what the file says is still known
        assert (model.file.capabilities, model.file.context_tokens, model.file.pinned) == (("embedding",), 300, True)


def test_decisions_are_there_after_a_restart(
    registry: ModelRegistry, overrides: Overrides, database: Database, tmp_path: Path
) -> None:
    overrides.change(registry.resolve("tiny"), ModelSettings(pinned=True))
    again = ModelRegistry(
        ModelRecords(database), tmp_path / "models", overrides=Overrides(ModelSettingRecords(database))
    )
    assert again.resolve("tiny").file.pinned


def test_the_embedded_model_can_be_decided_about(registry: ModelRegistry, overrides: Overrides) -> None:
    overrides.change(registry.resolve("seedling"), ModelSettings(pinned=True))
    assert registry.resolve("seedling").file.pinned


def test_a_model_that_is_not_for_chat_is_no_default(registry: ModelRegistry, overrides: Overrides) -> None:
    assert registry.resolve("").name == "tiny"
    overrides.change(registry.resolve("tiny"), ModelSettings(capabilities=("embedding",)))
    assert registry.resolve("").name == "seedling"


def test_deciding_nothing_leaves_nothing(registry: ModelRegistry, overrides: Overrides, database: Database) -> None:
    before = registry.resolve("tiny")
    overrides.change(before, ModelSettings(pinned=True))
    overrides.change(before, ModelSettings())
    assert registry.resolve("tiny") == before
    overrides.change(before, ModelSettings(pinned=True))
    overrides.forget(before.file.model_id)
    assert ModelSettingRecords(database).all() == []
    assert registry.resolve("tiny") == before


@pytest.mark.parametrize("tokens", [1, 255, 513, -4])
def test_a_context_that_the_model_was_not_made_for_is_refused(
    registry: ModelRegistry, overrides: Overrides, tokens: int
) -> None:
    with pytest.raises(CrofterError, match="256 to 512") as refused:
        overrides.change(registry.resolve("tiny"), ModelSettings(context_tokens=tokens))
    assert refused.value.code is ErrorCode.INVALID_REQUEST


def test_capabilities_have_one_order_and_known_names() -> None:
    assert checked_capabilities([" Tools", "chat", "tools"]) == ("chat", "tools")
    for wrong in ([], ["chat", "flying"]):
        with pytest.raises(CrofterError, match="embedding"):
            checked_capabilities(wrong)
