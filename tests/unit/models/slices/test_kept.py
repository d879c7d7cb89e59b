"""Slices that stay on the disk for as long as their model does."""

from pathlib import Path

import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode, ProjectorFile
from crofter.models import InstalledModel, ModelRegistry, plan_ends, plan_slice, read_header, slice_id
from crofter.store import Database, ModelRecords
from tests.gguf_files import write_tiny_llama


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    records = ModelRecords(Database.open(tmp_path / "node.db", bytes(32)))
    return ModelRegistry(records, tmp_path / "models", embedded_path=tmp_path / "none.gguf")


@pytest.fixture
def model(registry: ModelRegistry, tmp_path: Path) -> InstalledModel:
    return registry.add(str(write_tiny_llama(tmp_path / "whole.gguf", layers=4)), "tiny", lambda _done, _total: None)


def test_a_stage_is_described_by_its_file(registry: ModelRegistry, model: InstalledModel) -> None:
    stage = registry.slices.stage(model, 1, 3)
    assert (stage.start, stage.stop, stage.layer_count, stage.source_layer_count) == (1, 3, 2, 4)
    assert (stage.source_id, stage.name, stage.hidden_tensor) == (model.file.model_id, "tiny", "l_out-1")
    assert stage.shape.layer_bytes == model.file.shape.layer_bytes[1:3]
    assert stage.kv_bytes_per_token == model.file.kv_bytes_per_token // 2
    assert stage.size_bytes == stage.path.stat().st_size
    assert stage.shape.vocabulary_size == 32
    assert stage.capabilities == ()
    assert stage.embeddings is None


def test_the_ends_say_where_the_embeddings_are(registry: ModelRegistry, model: InstalledModel) -> None:
    ends = registry.slices.ends(model)
    assert (ends.start, ends.stop, ends.layer_count, ends.hidden_tensor) == (4, 4, 1, "")
    assert ends.capabilities == model.file.capabilities
    table = ends.embeddings
    assert table is not None
    whole = next(tensor for tensor in registry.contents.header(model).tensors if tensor.name == "token_embd.weight")
    part = registry.contents.header(model).parts[whole.part]
    assert (table.row_count, table.width, table.row_bytes, table.scale) == (300, 64, 256, 1.0)
    assert (
        Path(table.path).read_bytes()[table.offset :][: whole.size_bytes]
        == part.read_bytes()[whole.offset :][: whole.size_bytes]
    )


def test_a_slice_is_written_once(registry: ModelRegistry, model: InstalledModel) -> None:
    first = registry.slices.stage(model, 0, 2)
    written_at = first.path.stat().st_mtime_ns
    assert registry.slices.stage(model, 0, 2) == first
    assert first.path.stat().st_mtime_ns == written_at
    assert [(kept.start, kept.stop, kept.is_ends) for kept in registry.slices.kept()] == [(0, 2, False)]


def test_ids_tell_ranges_kinds_and_models_apart(model: InstalledModel) -> None:
    ids = {slice_id(model.file.model_id, start, stop, is_ends=ends) for start, stop, ends in
           [(0, 2, False), (0, 3, False), (2, 4, False), (2, 4, True)]}  # fmt: skip
    assert len(ids) == 4


def test_slices_go_with_their_model(registry: ModelRegistry, model: InstalledModel) -> None:
    registry.slices.stage(model, 0, 2)
    registry.alias("tiny", "other")
    registry.remove("other")
    assert registry.slices.kept()
    registry.remove("tiny")
    assert registry.slices.kept() == []


def test_a_start_clears_up(registry: ModelRegistry, model: InstalledModel) -> None:
    kept = registry.slices.stage(model, 0, 2).path
    half, earlier = kept.with_name(".abc.incoming"), kept.with_name("stage-0-2.v0.gguf")
    half.write_bytes(b"half")
    earlier.write_bytes(b"of an earlier slicer")
    registry.tidy()
    assert (half.exists(), earlier.exists(), kept.exists()) == (False, False, True)


def test_a_model_that_cannot_be_cut_leaves_nothing(registry: ModelRegistry, tmp_path: Path) -> None:
    path = write_tiny_llama(tmp_path / "bloom.gguf", architecture="bloom")
    model = registry.add(str(path), "bloom", lambda _done, _total: None)
    with pytest.raises(CrofterError) as caught:
        registry.slices.legal_cuts(model)
    assert caught.value.code is ErrorCode.UNSUPPORTED
    assert registry.slices.kept() == []


def test_a_slice_is_a_file_that_reads_as_a_model(registry: ModelRegistry, model: InstalledModel) -> None:
    assert len(read_header(registry.slices.ends(model, 3).path).tensors) == 9 + 3


def test_ends_have_the_projector_unless_it_feeds_more_layers_than_the_first(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    eyes = ProjectorFile(path=tmp_path / "eyes.gguf", weight_bytes=1, step_bytes=1)
    deep = write_tiny_llama(
        tmp_path / "deep.gguf", edit=lambda writer: writer.add_uint32("llama.n_deepstack_layers", 1)
    )
    for path, kept in ((write_tiny_llama(tmp_path / "plain.gguf"), eyes), (deep, None)):
        model = registry.add(str(path), path.stem, lambda _done, _total: None)
        seeing = msgspec.structs.replace(model.file, projector=eyes)
        header = registry.contents.header(model)
        assert registry.slices.made(plan_ends(header), header, seeing).projector == kept
        assert registry.slices.made(plan_slice(header, 0, 1), header, seeing).projector is None
