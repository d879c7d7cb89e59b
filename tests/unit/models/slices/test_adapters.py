"""Adapters cut like their models."""

from pathlib import Path

import gguf
import numpy as np
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models import Header, adapter_tensors, plan_ends, plan_slice, read_header, slice_adapter
from crofter.models.slices.tensors import Pairs
from tests.gguf_files import write_tiny_llama
from tests.unit.models.slices.headers import header, tensor


def write_adapter(
    path: Path, layers: int, parts: tuple[str, ...] = (), *, architecture: str = "llama", width: int = 64
) -> Path:
    """A random adapter for the queries of `write_tiny_llama`, and for more tensors of its width."""
    random = np.random.default_rng(3)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    for name in (*(f"blk.{layer}.attn_q.weight" for layer in range(layers)), *parts):
        writer.add_tensor(f"{name}.lora_a", random.standard_normal((4, width)).astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", random.standard_normal((width, 4)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def model(tmp_path: Path) -> Header:
    return read_header(write_tiny_llama(tmp_path / "whole.gguf", layers=4))


def test_an_adapter_keeps_what_changes_the_slices_layers(model: Header, tmp_path: Path) -> None:
    adapter = read_header(write_adapter(tmp_path / "adapter.gguf", 4))
    assert slice_adapter(adapter, plan_slice(model, 1, 3), tmp_path / "part.gguf")
    found = read_header(tmp_path / "part.gguf")
    assert [each.name for each in found.tensors] == [
        f"blk.{layer}.attn_q.weight.lora_{half}" for layer in (0, 1) for half in "ab"
    ]
    assert found.metadata["adapter.lora.alpha"] == 8.0
    source = {each.name: each.data for each in gguf.GGUFReader(adapter.path).tensors}
    first = gguf.GGUFReader(tmp_path / "part.gguf").tensors[0]
    assert np.array_equal(first.data, source["blk.1.attn_q.weight.lora_a"])


def test_a_slice_whose_layers_it_leaves_alone_needs_none(model: Header, tmp_path: Path) -> None:
    adapter = read_header(write_adapter(tmp_path / "adapter.gguf", 1))
    assert not slice_adapter(adapter, plan_slice(model, 1, 3), tmp_path / "part.gguf")
    assert not slice_adapter(adapter, plan_ends(model), tmp_path / "part.gguf")
    assert not (tmp_path / "part.gguf").exists()


def test_what_changes_the_output_goes_to_the_ends(model: Header, tmp_path: Path) -> None:
    adapter = read_header(write_adapter(tmp_path / "adapter.gguf", 1, ("output.weight",)))
    names = [each.name for each in adapter_tensors(adapter, plan_ends(model))]
    assert names == ["output.weight.lora_a", "output.weight.lora_b"]
    assert [each.name[:5] for each in adapter_tensors(adapter, plan_slice(model, 0, 4))] == ["blk.0", "blk.0"]


def test_changed_embeddings_are_refused(model: Header, tmp_path: Path) -> None:
    adapter = read_header(write_adapter(tmp_path / "adapter.gguf", 1, ("token_embd.weight",)))
    with pytest.raises(CrofterError, match="token embeddings") as caught:
        adapter_tensors(adapter, plan_slice(model, 0, 2))
    assert caught.value.code is ErrorCode.UNSUPPORTED


def test_only_adapters_of_the_kind_are_taken(model: Header, tmp_path: Path) -> None:
    with pytest.raises(CrofterError, match="not a LoRA adapter"):
        adapter_tensors(model, plan_slice(model, 0, 2))
    other = read_header(write_adapter(tmp_path / "other.gguf", 1, architecture="qwen2"))
    with pytest.raises(CrofterError, match="another kind of model"):
        adapter_tensors(other, plan_slice(model, 0, 2))


def test_what_was_done_to_the_rows_of_a_layer_is_done_to_those_of_its_adapter() -> None:
    general = {"general.type": "adapter", "adapter.type": "lora"}
    parts = (tensor("blk.1.attn_q.weight.lora_a", 64, 4), tensor("blk.1.attn_q.weight.lora_b", 4, 64))
    glm = header("glm4", 4, (tensor("blk.1.attn_q.weight", 64, 64),), rope__dimension_count=8)
    first, second = adapter_tensors(header("glm4", 4, parts, general), plan_slice(glm, 1, 2))
    assert (first.pairs, second.pairs) == (None, Pairs(head_rows=16, rotated=8))
    gemma = header("gemma2", 46, (tensor("blk.1.attn_q.weight", 64, 64),), attention__key_length=4)
    first, second = adapter_tensors(header("gemma2", 46, parts, general), plan_slice(gemma, 1, 2))
    assert (first.factor, second.factor) == (1.0, 0.5)
