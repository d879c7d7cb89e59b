"""What a slice's metadata says otherwise than its model's."""

import math
from typing import Any

import pytest

from crofter.models.gguf.tables import BOOLEAN, FLOAT32, INT32, STRING, UINT32
from crofter.models.slices.layers import read_layers
from crofter.models.slices.metadata import Edits, Part, Put, edits
from tests.unit.models.slices.headers import header


def edited(architecture: str, first: int, end: int, layers: int = 8, *, ends: bool = False, **own: Any) -> Edits:  # noqa: ANN401
    model = read_layers(header(architecture, layers, **own))
    return edits(model, first, (first, end), is_ends=ends)


def test_a_stage_has_no_tokeniser_and_ends_keep_theirs() -> None:
    general = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.chat_template": "{{}}",
        "split.count": 2,
        "general.alignment": 64,
    }
    model = read_layers(header("llama", general=general))
    stage = edits(model, 2, (2, 4), is_ends=False)
    assert stage["tokenizer.ggml.model"] == Put(STRING, "no_vocab")
    assert stage["llama.vocab_size"] == Put(UINT32, 32)
    assert [stage[key] for key in ("tokenizer.chat_template", "split.count", "general.alignment")] == [None] * 3
    ends = edits(model, 8, (0, 1), is_ends=True)
    assert not {"tokenizer.ggml.model", "tokenizer.chat_template", "llama.vocab_size"} & set(ends)
    assert ends["split.count"] is None


def test_layers_are_counted_anew_and_lists_of_them_shortened() -> None:
    found = edited(
        "mimo2",
        2,
        5,
        attention__head_count_kv=(1, 2, 3, 4, 5, 6, 7, 8),
        attention__sliding_window_pattern=(True, False) * 4,
        rope__dimension_sections=(1, 2, 3, 4, 5, 6, 7, 8),
        leading_dense_block_count=3,
    )
    assert found["mimo2.block_count"] == Put(UINT32, 3)
    assert found["mimo2.attention.head_count_kv"] == Part(2, 5)
    assert found["mimo2.attention.sliding_window_pattern"] == Put(BOOLEAN, (True, False, True))
    assert found["mimo2.leading_dense_block_count"] == Put(UINT32, 1)
    assert "mimo2.rope.dimension_sections" not in found


@pytest.mark.parametrize(("first", "dense"), [(0, 2), (2, 1), (3, 0), (6, 0)])
def test_dense_layers_are_counted_from_the_slice(first: int, dense: int) -> None:
    found = edited("deepseek", first, first + 2, leading_dense_block_count=3)
    assert found["deepseek.leading_dense_block_count"] == Put(UINT32, dense)


def test_lists_with_the_layers_that_predict_further_ahead_are_shortened_too() -> None:
    found = edited("glm4moe", 0, 2, 9, nextn_predict_layers=1, attention__head_count_kv=(2,) * 9)
    assert found["glm4moe.nextn_predict_layers"] == Put(UINT32, 0)
    assert found["glm4moe.attention.head_count_kv"] == Part(0, 2)


def test_an_interval_becomes_a_list() -> None:
    found = edited("qwen35", 2, 4, full_attention_interval=4)
    assert found["qwen35.full_attention_interval"] is None
    assert found["qwen35.attention.recurrent_layers"] == Put(BOOLEAN, (True, False))


def test_the_first_layer_of_a_slice_has_heads() -> None:
    found = edited("jamba", 0, 2, 4, attention__head_count=(0, 8, 0, 0), attention__head_count_kv=(0, 2, 0, 0))
    assert found["jamba.attention.head_count"] == Put(INT32, (8, 8))


def test_heads_are_as_long_as_the_whole_models_first_layer_makes_them() -> None:
    found = edited("laguna", 2, 4, 4, attention__head_count=(4, 8, 8, 4))
    assert found["laguna.attention.key_length"] == found["laguna.attention.value_length"] == Put(UINT32, 16)
    named = edited("laguna", 2, 4, 4, attention__head_count=(4, 8, 8, 4), attention__key_length=32)
    assert named["laguna.attention.key_length"] == Put(UINT32, 32)
    assert "llama.attention.key_length" not in edited("llama", 2, 4)


def test_embeddings_are_scaled_once() -> None:
    assert edited("granite", 4, 6, embedding_scale=12.0)["granite.embedding_scale"] == Put(FLOAT32, 0.0)
    assert "granite.embedding_scale" not in edited("granite", 0, 4, embedding_scale=12.0)
    assert edited("grok", 4, 6)["grok.embedding_scale"] == Put(FLOAT32, 0.0)  # llama.cpp has a default


def test_what_llama_cpp_guesses_from_the_number_of_layers_is_written_down() -> None:
    assert edited("minicpm", 4, 6)["minicpm.residual_scale"] == Put(FLOAT32, 1.4 / math.sqrt(8))
    assert "minicpm.residual_scale" not in edited("minicpm", 4, 6, residual_scale=0.3)
    lite = edited("deepseek2", 3, 5, 27, attention__q_lora_rank=1536)
    assert lite["deepseek2.attention.q_lora_rank"] == Put(UINT32, 0)
    assert lite["deepseek2.expert_gating_func"] == Put(UINT32, 1)
    assert "deepseek2.attention.q_lora_rank" not in edited("deepseek2", 3, 5, 60)
    assert edited("deepseek2", 3, 5, 47, vocab_size=154_880)["deepseek2.expert_gating_func"] == Put(UINT32, 2)


def test_keys_and_values_are_borrowed_in_the_last_slice_only() -> None:
    own: dict[str, Any] = {"attention__sliding_window_pattern": (True, False) * 4, "attention__shared_kv_layers": 2}
    assert edited("gemma4", 0, 4, **own)["gemma4.attention.shared_kv_layers"] == Put(UINT32, 0)
    assert edited("gemma4", 4, 8, **own)["gemma4.attention.shared_kv_layers"] == Put(UINT32, 2)


@pytest.mark.parametrize("architecture", ["glm4", "glm4moe"])
def test_glm_gets_positions_of_several_sections_unless_it_has_them(architecture: str) -> None:
    key = f"{architecture}.rope.dimension_sections"
    assert edited(architecture, 0, 4, rope__dimension_count=16)[key] == Put(INT32, (7, 1, 0, 0))
    assert key not in edited(architecture, 0, 4, rope__dimension_sections=(4, 2, 2, 0))
