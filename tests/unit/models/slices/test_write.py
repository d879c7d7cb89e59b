"""Slices on the disk."""

import os
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models import local_data, plan_slice, read_header, write_slice
from crofter.models.gguf.tables import STRING, TENSOR_TYPES, UINT32
from crofter.models.slices.metadata import Part, Put
from crofter.models.slices.tensors import Pairs, SliceTensor
from tests.gguf_files import write_tiny_llama

F32, F16 = TENSOR_TYPES[0], TENSOR_TYPES[1]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_array("llama.numbers", [1, 2, 3, 4])

    return write_tiny_llama(tmp_path / "whole.gguf", layers=4, edit=edit)


def test_tensors_and_metadata_arrive(whole: Path, tmp_path: Path) -> None:
    model = read_header(whole)
    plan = plan_slice(model, 1, 3)
    write_slice(whole, plan.metadata, plan.tensors, local_data(model), tmp_path / "stage.gguf")
    stage = gguf.GGUFReader(tmp_path / "stage.gguf")
    source = {tensor.name: tensor.data for tensor in gguf.GGUFReader(whole).tensors}
    found = {tensor.name: tensor.data for tensor in stage.tensors}
    assert np.array_equal(found["blk.0.attn_q.weight"], source["blk.1.attn_q.weight"])
    assert np.array_equal(found["blk.1.ffn_down.weight"], source["blk.2.ffn_down.weight"])
    assert np.array_equal(found["output_norm.weight"], source["output_norm.weight"])
    assert found["token_embd.weight"].shape == (32, 64)
    assert not found["token_embd.weight"].any()
    assert len(found) == 2 * 9 + 3
    values = {key: field.contents() for key, field in stage.fields.items()}
    assert values["llama.block_count"] == 2
    assert values["llama.numbers"] == [2, 3]
    assert values["tokenizer.ggml.model"] == "no_vocab"
    assert values["general.name"] == "Tiny Test"
    assert not any(key.startswith("tokenizer.ggml.tokens") for key in values)


def test_keys_are_put_shortened_and_left_out(whole: Path, tmp_path: Path) -> None:
    edits = {
        "llama.block_count": Put(UINT32, 7),
        "llama.numbers": Part(1, 2),
        "general.name": None,
        "general.new": Put(STRING, ("a", "b")),
    }
    write_slice(whole, edits, (), local_data(read_header(whole)), tmp_path / "slice.gguf")
    values = {key: field.contents() for key, field in gguf.GGUFReader(tmp_path / "slice.gguf").fields.items()}
    assert (values["llama.block_count"], values["llama.numbers"], values["general.new"]) == (7, [2], ["a", "b"])
    assert "general.name" not in values


def written(whole: Path, tmp_path: Path, tensor: SliceTensor, data: bytes) -> np.ndarray:
    def read(_name: str) -> Iterator[bytes]:
        yield data[:5]
        yield data[5:]

    write_slice(whole, {}, (tensor,), read, tmp_path / "slice.gguf")
    return gguf.GGUFReader(tmp_path / "slice.gguf").tensors[0].data


def test_rows_that_were_neighbours_come_to_lie_half_a_head_apart(whole: Path, tmp_path: Path) -> None:
    tensor = SliceTensor(name="t", shape=(2, 12), type=F32, source="s", pairs=Pairs(head_rows=6, rotated=4))
    rows = np.arange(24, dtype=np.float32).reshape(12, 2)
    assert written(whole, tmp_path, tensor, rows.tobytes())[:, 0].tolist() == [
        0, 4, 2, 6, 8, 10,
        12, 16, 14, 18, 20, 22,
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "numbers"), [(F32, np.float32), (F16, np.float16)])
def test_numbers_are_multiplied(whole: Path, tmp_path: Path, kind: object, numbers: type[np.floating]) -> None:
    tensor = SliceTensor(name="t", shape=(4,), type=kind, source="s", factor=0.5)  # pyright: ignore[reportArgumentType]
    assert written(whole, tmp_path, tensor, np.array([1, 2, 3, 4], numbers).tobytes()).tolist() == [0.5, 1, 1.5, 2]


def test_the_same_number_everywhere_needs_no_source(whole: Path, tmp_path: Path) -> None:
    tensor = SliceTensor(name="t", shape=(3,), type=F32, value=1.0)
    assert written(whole, tmp_path, tensor, b"").tolist() == [1, 1, 1]


@pytest.mark.parametrize("size_bytes", [12, 20])
def test_a_source_of_another_size_is_refused_and_leaves_nothing(whole: Path, tmp_path: Path, size_bytes: int) -> None:
    with pytest.raises(CrofterError, match="bytes where 16 were expected") as caught:
        written(whole, tmp_path, SliceTensor(name="t", shape=(4,), type=F32, source="s"), bytes(size_bytes))
    assert caught.value.code is ErrorCode.MODEL_INVALID
    assert [path.name for path in tmp_path.iterdir()] == ["whole.gguf"]


@pytest.mark.skipif(os.name == "nt", reason="files there have no holes of themselves")
def test_zeros_take_no_room(whole: Path, tmp_path: Path) -> None:
    tensor = SliceTensor(name="t", shape=(1024, 1024), type=F32)
    assert not written(whole, tmp_path, tensor, b"").any()
    status = (tmp_path / "slice.gguf").stat()
    assert status.st_size > 4 << 20
    assert status.st_blocks * 512 < 1 << 20


@pytest.mark.parametrize("name", [kind.name for kind in TENSOR_TYPES.values() if kind.block_elements > 1])
def test_bytes_of_zero_are_numbers_of_zero_in_every_type(name: str) -> None:
    kind = next(each for each in TENSOR_TYPES.values() if each.name == name)
    try:
        numbers = gguf.quants.dequantize(np.zeros((2, kind.block_bytes), np.uint8), gguf.GGMLQuantizationType[name])
    except (KeyError, NotImplementedError):
        pytest.skip("the library of llama.cpp does not read it in Python")
    assert not numbers.any()
