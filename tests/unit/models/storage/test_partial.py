"""A model of which only some groups are here: checked, resumed, read as if it were whole."""

from pathlib import Path

import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.models.gguf.header import read_header
from crofter.models.storage.manifest import Manifest, TensorGroup, manifest_id, manifest_of
from crofter.models.storage.partial import Description, PartialModel, description_of
from crofter.models.storage.shards import group_data
from crofter.store import read_range
from tests.gguf_files import write_tiny_llama


class Source:
    """A whole model elsewhere."""

    def __init__(self, path: Path) -> None:
        self.header = read_header(path)
        manifest = manifest_of(self.header, lambda _done, _total: None)
        self.model_id = manifest_id(manifest)
        self.description = description_of(manifest, self.header)

    def data(self, group: TensorGroup) -> bytes:
        return b"".join(group_data(group, self.header))


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(write_tiny_llama(tmp_path / "whole.gguf", layers=3))


@pytest.fixture
def partial(tmp_path: Path, source: Source) -> PartialModel:
    return PartialModel.described(tmp_path / "parts", source.model_id, source.description)


def test_what_came_reads_as_it_does_in_the_whole_model(partial: PartialModel, source: Source) -> None:
    [group] = partial.missing(["blk.1"])
    partial.add(group, source.data(group))
    partial.finish(group)
    assert partial.missing(["blk.1"]) == []
    header = partial.header()
    assert header.metadata.keys() == source.header.metadata.keys()
    whole = {tensor.name: tensor for tensor in source.header.tensors}
    assert {tensor.name for tensor in header.tensors} == whole.keys()
    for tensor in header.tensors:
        if tensor.name.startswith("blk.1."):
            here = b"".join(read_range(header.parts[tensor.part], tensor.offset, tensor.size_bytes))
            there = whole[tensor.name]
            assert here == b"".join(read_range(source.header.path, there.offset, there.size_bytes))


def test_it_is_there_after_a_restart_and_goes_on_where_it_was_interrupted(
    partial: PartialModel, source: Source, tmp_path: Path
) -> None:
    [group] = partial.missing(["blk.0"])
    data = source.data(group)
    assert partial.add(group, data[:1000]) == 1000
    again = PartialModel.opened(tmp_path / "parts")
    assert again is not None
    assert again.begun_bytes(group) == 1000
    again.add(group, data[1000:])
    again.finish(group)
    assert again.missing(["blk.0"]) == []


@pytest.mark.parametrize("change", ["one byte", "too short", "too long"])
def test_damage_is_noticed_and_nothing_of_it_stays(partial: PartialModel, source: Source, change: str) -> None:
    [group] = partial.missing(["blk.2"])
    data = source.data(group)
    wrong = {"one byte": data[:-1] + bytes([data[-1] ^ 1]), "too short": data[:-1], "too long": data + b"0"}[change]

    def come() -> None:
        partial.add(group, wrong)
        partial.finish(group)

    with pytest.raises(CrofterError) as caught:
        come()
    assert caught.value.code is ErrorCode.DOWNLOAD_DAMAGED
    assert partial.missing(["blk.2"]) == [group]
    if change != "too short":
        assert partial.begun_bytes(group) == 0


def test_a_description_of_another_model_is_refused(source: Source, tmp_path: Path) -> None:
    other = Source(write_tiny_llama(tmp_path / "other.gguf", layers=2))
    wrong = (
        (ModelId("0" * 64), source.description),
        (source.model_id, other.description),
        (source.model_id, msgspec.structs.replace(source.description, metadata=other.description.metadata)),
        (source.model_id, Description(manifest=b"{}", metadata=())),
    )
    for model_id, description in wrong:
        with pytest.raises(CrofterError) as caught:
            PartialModel.described(tmp_path / "wrong", model_id, description)
        assert caught.value.code is ErrorCode.DOWNLOAD_DAMAGED
        assert PartialModel.opened(tmp_path / "wrong") is None


def test_a_manifest_of_impossible_tensors_is_refused_even_by_its_own_id(source: Source, tmp_path: Path) -> None:
    manifest = msgspec.json.decode(source.description.manifest, type=Manifest)
    first, *others = manifest.tensors
    for wrong in (
        msgspec.structs.replace(first, type="Q99"),
        msgspec.structs.replace(first, size_bytes=1 << 60),
        msgspec.structs.replace(first, offset=-64),
        msgspec.structs.replace(first, shape=(0, 4)),
    ):
        changed = msgspec.structs.replace(manifest, tensors=(wrong, *others))
        description = Description(manifest=msgspec.json.encode(changed), metadata=source.description.metadata)
        with pytest.raises(CrofterError, match="cannot be"):
            PartialModel.described(tmp_path / "wrong", manifest_id(changed), description)


def test_groups_can_be_deleted_when_a_slice_is_made_of_them(partial: PartialModel, source: Source) -> None:
    [group] = partial.missing(["output_norm"])
    partial.add(group, source.data(group))
    partial.finish(group)
    partial.forget_groups(["output_norm"])
    assert partial.missing(["output_norm"]) == [group]
