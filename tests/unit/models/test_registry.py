import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.models import ModelRegistry, read_facts
from crofter.models.installed import packaged_model
from crofter.store import Database, ModelName, ModelRecord, ModelRecords, OriginRecord, OriginRecords
from tests.gguf_files import write_tiny_llama
from tests.unit.models.identity import content_of

MakeCatalog = Callable[..., ModelRegistry]


def ignore(_done: int, _total: int) -> None:
    pass


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")

    def small(name: str, seed: int, template: str | None = "{{ messages }}") -> Path:
        path = folder / f"{name}.gguf"
        return write_tiny_llama(
            path, seed=seed, name=name, chat_template=template, hidden=16, heads=2, kv_heads=1, layers=1
        )

    return {
        "seedling": small("Seedling", 0),
        "one": small("One", 1),
        "two": small("Two", 2),
        "text": small("Text", 3, None),
    }


@pytest.fixture
def make(tmp_path: Path, files: dict[str, Path]) -> MakeCatalog:
    """Catalogues over the same home, as after a restart."""
    records = ModelRecords(Database.open(tmp_path / "node.db", bytes(32)))

    def registry(default_name: str = "", embedded_path: Path = files["seedling"]) -> ModelRegistry:
        return ModelRegistry(records, tmp_path / "models", default_name, embedded_path=embedded_path)

    return registry


@pytest.fixture
def registry(make: MakeCatalog) -> ModelRegistry:
    return make()


def stored(tmp_path: Path) -> list[str]:
    return sorted(os.listdir(tmp_path / "models"))


def code_of(action: Callable[[], object]) -> ErrorCode:
    with pytest.raises(CrofterError) as caught:
        action()
    return caught.value.code


def test_a_new_node_has_the_embedded_model_and_uses_it_in_place(
    registry: ModelRegistry, files: dict[str, Path]
) -> None:
    (only,) = registry.installed()
    assert (only.name, only.embedded, only.default, only.file.path) == ("seedling", True, True, files["seedling"])
    assert (
        registry.resolve("") == registry.resolve("Seedling:latest") == registry.resolve(only.file.model_id[:8]) == only
    )


def test_a_package_without_an_embedded_model_says_what_to_do(make: MakeCatalog, tmp_path: Path) -> None:
    registry = make(embedded_path=tmp_path / "absent.gguf")
    assert registry.installed() == []
    with pytest.raises(CrofterError, match="crofter pull") as caught:
        registry.resolve("")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND


def test_an_added_model_is_copied_under_its_hash_and_found_by_name_and_id(
    registry: ModelRegistry, files: dict[str, Path], tmp_path: Path
) -> None:
    steps: list[tuple[int, int]] = []
    added = registry.add(str(files["one"]), None, lambda done, total: steps.append((done, total)))
    assert added.file.model_id == content_of(files["one"])
    assert stored(tmp_path) == [added.file.model_id]
    assert content_of(added.file.path) == added.file.model_id
    assert (added.name, added.file.name, added.embedded, added.linked) == ("one", "one", False, False)
    on_disk = [path.stat().st_size for path in added.file.path.parent.glob("*.gguf")]
    assert added.file.size_bytes == sum(on_disk) == pytest.approx(files["one"].stat().st_size, abs=5000)
    assert (added.file.layer_count, added.file.context_length, added.file.kv_bytes_per_token) == (1, 512, 32)
    assert steps == sorted(steps)
    assert steps[-1] == (steps[0][1], steps[0][1])
    for name in ("one", "ONE", " one:latest", added.file.model_id, added.file.model_id[:8], ""):
        assert registry.resolve(name) == added
    assert [model.name for model in registry.installed()] == ["one", "seedling"]


def test_models_are_there_after_a_restart_and_a_move(make: MakeCatalog, files: dict[str, Path], tmp_path: Path) -> None:
    added = make().add(str(files["one"]), None, ignore)
    assert make().resolve("one") == added
    os.utime(added.file.path, ns=(1, 1))
    assert make().resolve("one") == added


def test_the_same_content_again_is_stored_once_and_gains_the_name(
    registry: ModelRegistry, files: dict[str, Path], tmp_path: Path
) -> None:
    first = registry.add(str(files["one"]), None, ignore)
    second = registry.add(str(files["one"]), "Org/Other:1B", ignore)
    assert second.name == "org/other:1b"
    assert second.file.path == first.file.path
    assert registry.add(str(files["one"]), None, ignore).name == "one"
    assert len(stored(tmp_path)) == 1
    assert [model.name for model in registry.installed()] == ["one", "org/other:1b", "seedling"]


def test_a_name_of_other_content_is_a_conflict(registry: ModelRegistry, files: dict[str, Path], tmp_path: Path) -> None:
    registry.add(str(files["one"]), None, ignore)
    assert code_of(lambda: registry.add(str(files["two"]), "one", ignore)) is ErrorCode.CONFLICT
    assert code_of(lambda: registry.add(str(files["two"]), "seedling", ignore)) is ErrorCode.CONFLICT
    assert len(stored(tmp_path)) == 1


def test_a_derived_name_that_is_taken_gets_the_quantization(
    registry: ModelRegistry, files: dict[str, Path], tmp_path: Path
) -> None:
    registry.add(str(files["two"]), "one", ignore)
    assert registry.add(str(files["one"]), None, ignore).name == "one-f32"


def test_the_embedded_model_is_not_stored_again(
    registry: ModelRegistry, files: dict[str, Path], tmp_path: Path
) -> None:
    assert registry.add(str(files["seedling"]), None, ignore).embedded
    assert not (tmp_path / "models").exists()
    assert not registry.add(str(files["seedling"]), "mine", ignore).embedded
    assert registry.resolve("seedling").embedded


def test_the_default_is_the_configured_else_the_newest_that_chats(
    registry: ModelRegistry, files: dict[str, Path]
) -> None:
    registry.add(str(files["text"]), None, ignore)
    assert registry.resolve("").name == "seedling"
    registry.add(str(files["one"]), None, ignore)
    registry.add(str(files["two"]), None, ignore)
    assert registry.resolve("").name == "two"
    registry.default_name = "One:latest"
    assert registry.resolve("").name == "one"
    assert [model.name for model in registry.installed() if model.default] == ["one"]
    registry.default_name = "gone"
    with pytest.raises(CrofterError, match=r"'gone', which is the default") as caught:
        registry.resolve("")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND


def test_an_unknown_name_is_told_what_is_near(registry: ModelRegistry, files: dict[str, Path]) -> None:
    added = registry.add(str(files["one"]), "qwen2.5-coder", ignore)
    with pytest.raises(CrofterError, match=r"Did you mean qwen2\.5-coder") as caught:
        registry.resolve("qwen2.5-codr")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND
    assert code_of(lambda: registry.resolve(added.file.model_id[:7])) is ErrorCode.MODEL_NOT_FOUND


def test_a_removed_model_is_gone_with_its_last_name(
    registry: ModelRegistry, files: dict[str, Path], tmp_path: Path
) -> None:
    registry.add(str(files["one"]), None, ignore)
    registry.add(str(files["one"]), "other", ignore)
    assert registry.remove("one").name == "one"
    assert registry.resolve("other").file.path.is_file()
    assert code_of(lambda: registry.resolve("one")) is ErrorCode.MODEL_NOT_FOUND
    registry.remove("other")
    assert stored(tmp_path) == []
    assert code_of(lambda: registry.remove("other")) is ErrorCode.MODEL_NOT_FOUND


def test_a_removal_cut_short_can_be_repeated(
    registry: ModelRegistry, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ModelRecords, name: str) -> None:
        raise CrofterError(ErrorCode.DISK_FULL, "No room.")

    registry.add(str(files["one"]), None, ignore)
    with monkeypatch.context() as patch:
        patch.setattr(ModelRecords, "unregister", full)
        assert code_of(lambda: registry.remove("one")) is ErrorCode.DISK_FULL
    assert stored(tmp_path) == [], "there has to be room again"
    assert code_of(lambda: registry.resolve("one")) is ErrorCode.MODEL_INVALID
    assert registry.remove("one").name == "one"
    assert [model.name for model in registry.installed()] == ["seedling"]


def test_the_embedded_model_cannot_be_removed_nor_can_nothing(registry: ModelRegistry) -> None:
    assert code_of(lambda: registry.remove("seedling")) is ErrorCode.FORBIDDEN
    assert code_of(lambda: registry.remove("")) is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("damage", ["missing", "shorter", "header"])
def test_a_damaged_file_is_refused_with_advice_and_pulling_it_again_repairs(
    registry: ModelRegistry, files: dict[str, Path], damage: str
) -> None:
    path = registry.add(str(files["one"]), None, ignore).file.path
    model_id = content_of(path)
    last = max(path.parent.glob("*.gguf"))
    match damage:
        case "missing":
            last.unlink()
        case "shorter":
            last.write_bytes(last.read_bytes()[:-1])
        case _:
            path.write_bytes(path.read_bytes().replace(b"Apache-2.0", b"Apache-9.9"))
            os.utime(path, ns=(1 << 62, 1 << 62))
    with pytest.raises(CrofterError, match=r"crofter rm one.*pull") as caught:
        registry.resolve("one")
    assert caught.value.code is ErrorCode.MODEL_INVALID
    assert [model.name for model in registry.installed()] == ["one", "seedling"]
    assert content_of(registry.add(str(files["one"]), None, ignore).file.path) == model_id
    registry.remove("one")


def test_the_model_in_the_package_is_found_and_chats(make: MakeCatalog) -> None:
    model = make(embedded_path=packaged_model()).resolve("")
    assert model.embedded
    assert {"chat", "completion"} <= set(model.facts.capabilities)


def test_garbage_is_refused_before_it_is_copied(registry: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(100))
    assert code_of(lambda: registry.add(str(tmp_path / "bad.gguf"), None, ignore)) is ErrorCode.MODEL_INVALID
    assert code_of(lambda: registry.add("org/model", None, ignore)) is ErrorCode.UNSUPPORTED
    assert not (tmp_path / "models").exists()


def test_a_cancelled_pull_leaves_nothing(registry: ModelRegistry, files: dict[str, Path], tmp_path: Path) -> None:
    def cancel(done: int, total: int) -> None:
        raise CrofterError(ErrorCode.CANCELLED, "Somebody changed their mind.")

    assert code_of(lambda: registry.add(str(files["one"]), None, cancel)) is ErrorCode.CANCELLED

    def cancel_late(done: int, total: int) -> None:
        if done > total // 2:
            cancel(done, total)

    assert code_of(lambda: registry.add(str(files["one"]), None, cancel_late)) is ErrorCode.CANCELLED
    assert stored(tmp_path) == []
    assert [model.name for model in registry.installed()] == ["seedling"]


def test_a_full_disk_leaves_nothing(
    registry: ModelRegistry, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 10

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Full)
    assert code_of(lambda: registry.add(str(files["one"]), None, ignore)) is ErrorCode.DISK_FULL
    assert stored(tmp_path) == []
    assert [model.name for model in registry.installed()] == ["seedling"]


def test_tidying_removes_half_models_and_registers_whole_ones(
    make: MakeCatalog, files: dict[str, Path], tmp_path: Path
) -> None:
    kept = make().add(str(files["one"]), None, ignore)
    two = make().add(str(files["two"]), None, ignore)
    folder = tmp_path / "models"
    (folder / f".{'0' * 16}.incoming").write_bytes(b"half")
    (folder / f".installing-{'1' * 64}").mkdir()
    (folder / f".removed-{'2' * 64}").mkdir()
    (folder / ("3" * 64)).mkdir()
    ModelRecords(Database.open(tmp_path / "node.db", bytes(32))).unregister("two")
    registry = make()
    registry.tidy()
    registry.finish()
    assert stored(tmp_path) == sorted([kept.file.model_id, two.file.model_id, "3" * 64])
    assert registry.resolve("two").file == two.file
    assert [model.name for model in registry.installed()] == ["two", "one", "seedling"]


def test_a_file_that_an_earlier_version_kept_whole_becomes_a_model_like_the_others(
    make: MakeCatalog, files: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    old = ModelId("a" * 64)
    shutil.copy(files["one"], folder / f"{old}.gguf")
    status = (folder / f"{old}.gguf").stat()
    database = Database.open(tmp_path / "node.db", bytes(32))
    read = msgspec.structs.replace(read_facts(files["one"]), reading=0, layer_count=0)
    facts = msgspec.json.encode(read).decode()
    record = ModelRecord(
        model_id=old, place=f"{old}.gguf", size_bytes=status.st_size, modified_ns=status.st_mtime_ns, facts=facts
    )
    for name in ("mine", "ours"):
        ModelRecords(database).register(record, ModelName(name=name, model_id=old, added_at=1.0))
    OriginRecords(database).save(OriginRecord(model_id=old, origin="{}"))
    registry = make()
    assert registry.resolve("mine").file.path == folder / f"{old}.gguf"
    assert registry.resolve("mine").facts.layer_count == 0
    registry.finish()
    model = registry.resolve("mine")
    assert model.facts.layer_count == 1, "as this version reads it"
    assert model.file.model_id == content_of(files["one"]) == registry.resolve("ours").file.model_id
    assert stored(tmp_path) == [model.file.model_id]
    assert [each.name for each in registry.installed()] == ["ours", "mine", "seedling"]
    assert [each.model_id for each in OriginRecords(database).all()] == [model.file.model_id]


def test_facts_that_an_earlier_version_read_are_read_again(
    registry: ModelRegistry, files: dict[str, Path], tmp_path: Path
) -> None:
    linked = registry.link((files["one"],), "mine", "", ignore)
    records = ModelRecords(Database.open(tmp_path / "node.db", bytes(32)))
    record = records.models()[linked.file.model_id]
    old = msgspec.structs.replace(linked.facts, reading=0, layer_count=0)
    records.update(msgspec.structs.replace(record, facts=msgspec.json.encode(old).decode()))
    registry.finish()
    assert registry.resolve("mine").facts == linked.facts
