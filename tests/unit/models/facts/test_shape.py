"""The sizes that memory is reckoned with, read from headers."""

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from crofter.core import CrofterError, ErrorCode, ModelShape
from crofter.models import read_facts, read_header
from tests.gguf_files import write_tiny_llama

Edit = Callable[[gguf.GGUFWriter], None]


def shape_with(tmp_path: Path, edit: Edit | None = None, **sizes: int) -> ModelShape:
    return read_facts(write_tiny_llama(tmp_path / "model.gguf", edit=edit, **sizes)).shape  # pyright: ignore[reportArgumentType]  # numbers only


def zeros(writer: gguf.GGUFWriter, name: str, *dimensions: int) -> None:
    writer.add_tensor(name, np.zeros(dimensions, np.float32))


def test_a_plain_model_is_measured_layer_by_layer(tmp_path: Path) -> None:
    path = write_tiny_llama(tmp_path / "model.gguf", layers=3)
    shape = read_facts(path).shape
    assert (shape.embedding_length, shape.vocabulary_size, shape.head_count, shape.query_width) == (64, 300, 4, 64)
    assert (shape.value_width, shape.feed_forward_length, shape.experts_used) == (32, 128, 0)
    assert shape.layer_bytes == (4 * (64 * 64 * 2 + 64 * 32 * 2 + 64 * 128 * 3 + 64 * 2),) * 3
    assert shape.layer_kv_bytes == (2 * 2 * (16 + 16),) * 3
    assert shape.layer_state_bytes == (0, 0, 0)
    assert (shape.input_bytes, shape.output_bytes) == (4 * 300 * 64, 4 * (300 * 64 + 64))
    assert [shape.tied_output, shape.windowed, shape.encoder, shape.embeds] == [False] * 4
    whole = sum(tensor.size_bytes for tensor in read_header(path).tensors)
    assert sum(shape.layer_bytes) + shape.input_bytes + shape.output_bytes == whole


def test_experts_and_windows_are_noted(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_expert_used_count(3)
        writer.add_expert_feed_forward_length(48)
        writer.add_sliding_window(256)

    shape = shape_with(tmp_path, edit)
    assert (shape.experts_used, shape.expert_feed_forward_length, shape.windowed) == (3, 48, True)


def test_latent_attention_keeps_one_key_and_no_value(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_key_length(40)
        writer.add_value_length(32)
        writer.add_key_length_mla(24)

    assert shape_with(tmp_path, edit, kv_heads=1).layer_kv_bytes == (2 * 40,) * 2


def test_layers_that_borrow_keys_and_values_keep_none(tmp_path: Path) -> None:
    shape = shape_with(tmp_path, lambda writer: writer.add_uint32("llama.attention.shared_kv_layers", 1), layers=3)
    assert [kept > 0 for kept in shape.layer_kv_bytes] == [True, True, False]


def test_layers_that_only_predict_further_ahead_are_not_loaded(tmp_path: Path) -> None:
    shape = shape_with(tmp_path, lambda writer: writer.add_uint32("llama.nextn_predict_layers", 1), layers=3)
    assert [kept > 0 for kept in shape.layer_kv_bytes] == [True, True, False]
    assert [size > 0 for size in shape.layer_bytes] == [True, True, False]


def test_heads_of_two_lengths_are_told_by_the_weights(tmp_path: Path) -> None:
    shape = shape_with(tmp_path, lambda writer: writer.add_uint32("llama.attention.key_length_swa", 8))
    # The weights of both layers are 32 wide, whatever the key says.
    assert shape.layer_kv_bytes == (2 * (32 + 32),) * 2


def test_a_recurrent_layer_remembers_its_state_and_the_last_inputs_of_its_convolution(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_ssm_state_size(16)
        writer.add_ssm_inner_size(128)
        zeros(writer, "blk.1.ssm_in.weight", 300, 64)
        zeros(writer, "blk.1.ssm_conv1d.weight", 160, 4)
        zeros(writer, "blk.1.ssm_out.weight", 64, 128)

    shape = shape_with(tmp_path, edit)
    assert shape.layer_state_bytes == (0, 4 * (3 * 160 + 16 * 128))
    assert shape.recurrent_width == 300 + 2 * 160 + 2 * 128


def test_short_convolutions_and_token_shifts_are_remembered_too(tmp_path: Path) -> None:
    short = shape_with(tmp_path, lambda writer: zeros(writer, "blk.0.shortconv.conv.weight", 64, 3))
    assert short.layer_state_bytes == (4 * 2 * 64, 0)
    shifted = shape_with(tmp_path, lambda writer: writer.add_wkv_head_size(32))
    assert shifted.layer_state_bytes == (4 * 64 * (2 + 32),) * 2


def test_models_for_embeddings_are_told_apart(tmp_path: Path) -> None:
    assert shape_with(tmp_path, lambda writer: writer.add_pooling_type(gguf.PoolingType.MEAN)).embeds


def test_nonsense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrofterError) as caught:
        shape_with(tmp_path, lambda writer: writer.add_string("llama.feed_forward_length", "wide"))
    assert caught.value.code is ErrorCode.MODEL_INVALID
    assert "feed_forward_length" in caught.value.message
