"""Models on the disk: divided into groups, shared, taken over, finished after a kill."""

import multiprocessing
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import gguf
import msgspec
import numpy as np
import pytest
from blake3 import blake3

from crofter.core import CrofterError, ErrorCode
from crofter.models import InstalledModel, ModelRegistry
from crofter.models.gguf.parts import part_paths, read_model
from crofter.models.storage import installation
from crofter.models.storage.manifest import Manifest, TensorEntry, group_name, groups_of, manifest_id, manifest_of
from crofter.store import Database, ModelRecords, can_give_back
from tests.gguf_files import write_tiny_llama
from tests.unit.models.identity import content_of


def ignore(_first: object = None, _second: object = None) -> None:
    pass


def registry_of(folder: Path) -> ModelRegistry:
    records = ModelRecords(Database.open(folder / "node.db", bytes(32)))
    return ModelRegistry(records, folder / "models", embedded_path=folder / "none.gguf")


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return registry_of(tmp_path)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "whole.gguf", layers=3)


def split(whole: Path, folder: Path, count: int = 3) -> list[Path]:
    """The same model as several files, tensors in another order."""
    folder.mkdir()
    reader = gguf.GGUFReader(whole)
    tensors = list(reversed(reader.tensors))
    paths = [folder / f"m-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
    for number, path in enumerate(paths):
        writer = gguf.GGUFWriter(path, "llama")
        if number == 0:
            copy_metadata(reader, writer)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", count)
        writer.add_int32("split.tensors.count", len(tensors))
        for tensor in tensors[number::count]:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        finish(writer)
    return paths


def copy_metadata(reader: gguf.GGUFReader, writer: gguf.GGUFWriter, **changed: str) -> None:
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        kind = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        value: Any = changed.get(key.rpartition(".")[2], field.contents())
        writer.add_key_value(key, value, field.types[0], sub_type=kind)


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def retold(whole: Path, path: Path, template: str) -> Path:
    """The same weights with another chat template."""
    reader = gguf.GGUFReader(whole)
    writer = gguf.GGUFWriter(path, "llama")
    copy_metadata(reader, writer, chat_template=template)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    finish(writer)
    return path


def disk_bytes(folder: Path) -> int:
    """What a folder takes, each file once however many names it has."""
    found = {status.st_ino: status.st_blocks * 512 for status in (path.stat() for path in folder.rglob("*"))}
    return sum(found.values())


def test_a_manifest_says_what_every_tensor_is(whole: Path) -> None:
    manifest = manifest_of(read_model((whole,)), ignore)
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(whole).tensors}
    assert {entry.name for entry in manifest.tensors} == set(tensors)
    for entry in manifest.tensors:
        tensor = tensors[entry.name]
        assert entry.hash == blake3(tensor.data.tobytes()).hexdigest()
        assert entry.shape == tuple(int(length) for length in tensor.shape)
        assert (entry.type, entry.size_bytes) == (tensor.tensor_type.name, tensor.n_bytes)
        assert entry.offset % 32 == 0
    assert msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest) == manifest
    names = [group.name for group in groups_of(manifest)]
    assert names[:4] == ["token_embd", "blk.0", "blk.1", "blk.2"]
    assert {"output_norm"} <= set(names[4:])


def test_groups_are_named_by_what_belongs_together() -> None:
    assert group_name("blk.12.ffn_gate.weight") == "blk.12"
    assert group_name("enc.blk.3.attn_q.weight") == "enc.blk.3"
    assert group_name("token_embd.weight") == "token_embd"
    assert group_name("output_norm.bias") == "output_norm"


def test_the_id_is_the_content_however_it_was_cut_or_ordered(whole: Path, tmp_path: Path) -> None:
    parts = split(whole, tmp_path / "split")
    assert content_of(parts[0]) == content_of(parts[2]) == content_of(whole)
    assert content_of(retold(whole, tmp_path / "other.gguf", "{{ messages }}")) != content_of(whole)
    one_bit = tmp_path / "bit.gguf"
    content = bytearray(whole.read_bytes())
    content[-100] ^= 1
    one_bit.write_bytes(content)
    assert content_of(one_bit) != content_of(whole)


def test_a_layer_is_the_same_layer_at_another_place(whole: Path) -> None:
    manifest = manifest_of(read_model((whole,)), ignore)
    moved = [
        msgspec.structs.replace(entry, name=entry.name.replace("blk.2.", "blk.0."))
        for entry in manifest.tensors
        if group_name(entry.name) == "blk.2"
    ]
    (slice_group,) = groups_of(Manifest(metadata="", tensors=tuple(moved)))
    by_name = {group.name: group for group in groups_of(manifest)}
    assert slice_group.group_id == by_name["blk.2"].group_id != by_name["blk.0"].group_id


def test_split_files_with_a_part_missing_are_refused_by_name(
    registry: ModelRegistry, whole: Path, tmp_path: Path
) -> None:
    parts = split(whole, tmp_path / "split")
    parts[1].unlink()
    with pytest.raises(CrofterError, match=r"m-00002-of-00003\.gguf should lie beside it") as caught:
        registry.add(str(parts[2]), None, ignore)
    assert caught.value.code is ErrorCode.MODEL_INVALID
    shutil.copy(parts[2], tmp_path / "renamed.gguf")
    with pytest.raises(CrofterError, match="one of 3 parts"):
        registry.add(str(tmp_path / "renamed.gguf"), None, ignore)
    shutil.copy(parts[0], parts[1])
    with pytest.raises(CrofterError, match="do not belong together"):
        registry.add(str(parts[0]), None, ignore)


def test_equal_groups_are_on_the_disk_once_and_removing_frees_what_nobody_needs(
    registry: ModelRegistry, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    one = registry.add(str(whole), "one", ignore)
    alone = disk_bytes(folder)
    two = registry.add(str(retold(whole, tmp_path / "two.gguf", "{{ messages }}")), "two", ignore)
    assert two.file.model_id != one.file.model_id
    assert disk_bytes(folder) < alone * 1.3, "only metadata and manifest are new"
    group = groups_of(registry.contents.manifest(one))[1]
    assert sorted(holder.model_id for holder in registry.contents.holders(group.group_id)) == sorted(
        [one.file.model_id, two.file.model_id]
    )
    registry.remove("one")
    assert content_of(registry.resolve("two").file.path) == two.file.model_id
    assert [holder.model_id for holder in registry.contents.holders(group.group_id)] == [two.file.model_id]
    registry.remove("two")
    assert disk_bytes(folder) == 0


def test_what_differs_is_not_shared(registry: ModelRegistry, tmp_path: Path) -> None:
    base = write_tiny_llama(tmp_path / "base.gguf", layers=2)
    reader = gguf.GGUFReader(base)
    writer = gguf.GGUFWriter(tmp_path / "tuned.gguf", "llama")
    copy_metadata(reader, writer)
    for tensor in reader.tensors:
        data = np.array(tensor.data)
        writer.add_tensor(tensor.name, data + 1 if tensor.name.startswith("blk.1.ffn_up") else data)
    finish(writer)
    one = registry.add(str(base), "one", ignore)
    two = registry.add(str(tmp_path / "tuned.gguf"), "two", ignore)
    same = [os.path.samefile(*pair) for pair in zip(part_paths(one.file.path), part_paths(two.file.path), strict=True)]
    assert same == [False, True, True, False, True, True], "metadata, token_embd, blk.0, blk.1, output, output_norm"


def test_a_damaged_file_is_never_shared(registry: ModelRegistry, whole: Path, tmp_path: Path) -> None:
    one = registry.add(str(whole), "one", ignore)
    layer = part_paths(one.file.path)[2]
    damaged = bytearray(layer.read_bytes())
    damaged[-1] ^= 1
    layer.write_bytes(damaged)
    two = registry.add(str(retold(whole, tmp_path / "two.gguf", "{{ messages }}")), "two", ignore)
    assert content_of(two.file.path) == two.file.model_id
    assert content_of(one.file.path) != one.file.model_id


def test_a_linked_model_is_used_where_it_lies_and_stays_when_it_is_removed(
    registry: ModelRegistry, whole: Path, tmp_path: Path
) -> None:
    model = registry.link((whole,), "linked", "", ignore)
    assert (model.file.path, model.linked) == (whole, True)
    assert disk_bytes(tmp_path / "models") < 100_000
    assert registry.contents.manifest(model) == manifest_of(read_model((whole,)), ignore)
    registry.remove("linked")
    assert whole.is_file()
    assert disk_bytes(tmp_path / "models") == 0
    model = registry.link((whole,), None, "", ignore)
    whole.rename(tmp_path / "elsewhere.gguf")
    with pytest.raises(CrofterError, match=r"linked from where another program keeps it.*import") as caught:
        registry.resolve(model.name)
    assert caught.value.code is ErrorCode.MODEL_INVALID
    again = registry.link((tmp_path / "elsewhere.gguf",), model.name, "", ignore)
    assert again.file.path == tmp_path / "elsewhere.gguf"
    copied = registry.add(str(tmp_path / "elsewhere.gguf"), model.name, ignore)
    assert not copied.linked
    assert (tmp_path / "elsewhere.gguf").is_file()


def test_a_second_name_is_an_alias(registry: ModelRegistry, whole: Path) -> None:
    one = registry.add(str(whole), "one", ignore)
    assert registry.alias("one", "Zwei").file.path == one.file.path
    assert registry.remove("one").name == "one"
    assert registry.resolve("zwei").file.model_id == one.file.model_id
    with pytest.raises(CrofterError) as caught:
        registry.alias("zwei", "not a name")
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_taking_over_needs_the_disk_once(registry: ModelRegistry, tmp_path: Path) -> None:
    source = write_tiny_llama(tmp_path / "large.gguf", layers=6, hidden=256)
    size = source.stat().st_size
    if not can_give_back(tmp_path):
        pytest.skip("this file system cannot give parts of files back")
    most = 0

    def watch(_done: int, _total: int) -> None:
        nonlocal most
        most = max(most, disk_bytes(tmp_path / "models"))

    model = registry.adopt((source,), None, "large", watch, ignore)
    assert not source.exists()
    assert content_of(model.file.path) == model.file.model_id
    assert most < size * 1.35, "the model and one layer of six"


def killed_while_taking_over(folder: Path, source: Path, after_steps: int) -> None:
    steps = 0

    def die(_done: int, _total: int) -> None:
        nonlocal steps
        steps += 1
        if steps > after_steps:
            os.kill(os.getpid(), signal.SIGKILL)

    registry_of(folder).adopt((source,), None, "survivor", die, ignore)


@pytest.mark.parametrize("after_steps", [0, 10, 29, 31, 40, 55, 57])
def test_a_takeover_killed_at_any_moment_loses_nothing(tmp_path: Path, after_steps: int) -> None:
    source = write_tiny_llama(tmp_path / "source.gguf", layers=3)
    expected = content_of(source)
    child = multiprocessing.get_context("spawn").Process(
        target=killed_while_taking_over, args=(tmp_path, source, after_steps)
    )
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    registry = registry_of(tmp_path)
    registry.tidy()
    registry.finish()
    models = registry.installed()
    if source.exists():
        assert models == []
        assert content_of(source) == expected
        models = [registry.adopt((source,), None, "survivor", ignore, ignore)]
    assert [(model.name, model.file.model_id) for model in models] == [("survivor", expected)]
    assert content_of(models[0].file.path) == expected
    assert os.listdir(tmp_path / "models") == [expected]
    names = {path.name for path in (tmp_path / "models" / expected).iterdir()}
    assert names == {"manifest.json", *(part.name for part in part_paths(models[0].file.path))}, "nothing half written"


def test_a_takeover_killed_around_its_last_step_is_finished(
    registry: ModelRegistry, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = content_of(whole)

    class Killed(BaseException):
        pass

    def die(*_of: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(installation, "delete_folder", die)
        with pytest.raises(Killed):
            registry.adopt((whole,), "mine", "", ignore, ignore)
    with monkeypatch.context() as patch:
        patch.setattr(ModelRecords, "register", die)
        registry.tidy()
        with pytest.raises(Killed):
            registry.finish()
    registry.tidy()
    (model,) = registry.installed()
    assert (model.name, content_of(model.file.path)) == ("mine", expected)
    assert not [path.name for path in model.file.path.parent.iterdir() if path.name.startswith(("source", "name"))]


def test_an_installation_that_cannot_be_finished_is_said_and_holds_nothing_else_up(
    registry: ModelRegistry, whole: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "models" / f".installing-{'0' * 64}"
    broken.mkdir(parents=True)
    (broken / "name-to-be").write_text("lost")
    with pytest.raises(CrofterError):
        registry.finish()
    assert registry.add(str(whole), "mine", ignore).name == "mine"


def test_a_full_disk_during_a_takeover_is_said_and_the_rest_is_done_later(
    registry: ModelRegistry, whole: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = content_of(whole)

    def full_disk(done: int, total: int) -> None:
        if done > total * 3 // 4:
            raise CrofterError(ErrorCode.DISK_FULL, "No room.")

    with pytest.raises(CrofterError) as caught:
        registry.adopt((whole,), "mine", "", full_disk, ignore)
    assert caught.value.code is ErrorCode.DISK_FULL
    assert registry.installed() == []
    registry.finish()
    (model,) = registry.installed()
    assert (model.name, content_of(model.file.path)) == ("mine", expected)


def test_any_group_can_be_given_to_a_peer_from_any_model_that_has_it(
    registry: ModelRegistry, whole: Path, tmp_path: Path
) -> None:
    linked = registry.link((whole,), "linked", "", ignore)
    other = registry.add(str(retold(whole, tmp_path / "two.gguf", "{{ messages }}")), "two", ignore)
    for group in groups_of(registry.contents.manifest(linked)):
        data = b"".join(registry.contents.group_data(group.group_id))
        assert len(data) == group.size_bytes
        for entry in group.tensors:
            assert blake3(data[entry.offset : entry.offset + entry.size_bytes]).hexdigest() == entry.hash
    layer = part_paths(other.file.path)[2]
    assert registry.contents.damaged_groups(other, ignore) == []
    layer.write_bytes(layer.read_bytes()[:-1] + b"!")
    assert registry.contents.damaged_groups(other, ignore) == ["blk.0"]
    group = next(group for group in groups_of(registry.contents.manifest(other)) if group.name == "blk.0")
    assert len(b"".join(registry.contents.group_data(group.group_id))) == group.size_bytes, (
        "the linked model's is whole"
    )
    registry.remove("linked")
    with pytest.raises(CrofterError, match="damaged") as caught:
        list(registry.contents.group_data(group.group_id))
    assert caught.value.code is ErrorCode.MODEL_INVALID
    with pytest.raises(CrofterError) as caught:
        list(registry.contents.group_data("0" * 64))
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND


def test_llama_cpp_is_given_the_same_model(registry: ModelRegistry, whole: Path) -> None:
    from llama_cpp import Llama

    def first_logits(model: Path | InstalledModel) -> list[float]:
        path = model if isinstance(model, Path) else model.file.path
        llama = Llama(str(path), n_ctx=64, logits_all=True, verbose=False)
        llama.eval([1, 2, 3, 4, 5, 6, 7])
        return [float(score) for score in llama.scores[6]]

    assert first_logits(registry.add(str(whole), None, ignore)) == first_logits(whole)


def test_ids_do_not_change_between_versions() -> None:
    """Peers and stored models depend on it: another figure here is another format, with another name."""
    entry = TensorEntry(name="blk.0.attn_q.weight", shape=(32, 1), type="Q8_0", offset=0, size_bytes=34, hash="0" * 64)
    manifest = Manifest(metadata="1" * 64, tensors=(entry,))
    assert manifest_id(manifest) == "5b059c08a8664fa60693e96239fedf998c2dcbd9c9b4bc7a8853c03f9afa03a4"
    assert [group.group_id for group in groups_of(manifest)] == [
        "6a1e86f6ab43f7ce6b9743a1523e49847d214fce3f680ff3fb43695a8ed91ae0"
    ]


def test_a_projector_is_linked_or_copied_with_its_model(registry: ModelRegistry, whole: Path, tmp_path: Path) -> None:
    projector = tmp_path / "mmproj.gguf"
    writer = gguf.GGUFWriter(projector, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_tensor("v.patch_embd.weight", np.zeros((4, 4), np.float32))
    finish(writer)
    linked = registry.link((whole,), "sees", "", ignore, projector=projector)
    assert linked.projector == projector
    assert "vision" in linked.capabilities
    copied = registry.add(str(whole), "sees", ignore, projector=projector)
    assert copied.projector is not None
    assert "vision" in copied.capabilities
    assert copied.projector.is_relative_to(tmp_path / "models")
    assert copied.projector.read_bytes() == projector.read_bytes()
    registry.remove("sees")
    assert disk_bytes(tmp_path / "models") == 0
