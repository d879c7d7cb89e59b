from collections.abc import Callable
from pathlib import Path

import gguf
import msgspec
import numpy as np
import pytest

from crofter.core import CrofterError, ErrorCode, Sampling
from crofter.models import ModelFacts, read_facts
from tests.gguf_files import CHATML_TEMPLATE, write_tiny_llama
from tests.unit.models.gguf import raw_gguf as raw


def facts_with(tmp_path: Path, edit: Callable[[gguf.GGUFWriter], None]) -> ModelFacts:
    return read_facts(write_tiny_llama(tmp_path / "model.gguf", edit=edit))


def refusal(tmp_path: Path, edit: Callable[[gguf.GGUFWriter], None]) -> str:
    with pytest.raises(CrofterError) as caught:
        facts_with(tmp_path, edit)
    assert caught.value.code is ErrorCode.MODEL_INVALID
    return caught.value.message


def replace(writer: gguf.GGUFWriter, key: str, value: object, kind: gguf.GGUFValueType) -> None:
    writer.kv_data[0][key] = gguf.GGUFValue(value=value, type=kind)


def test_a_small_llama_is_described(tmp_path: Path) -> None:
    facts = read_facts(write_tiny_llama(tmp_path / "model.gguf", layers=3, context=256))
    assert facts.name == "Tiny Test"
    assert facts.architecture == "llama"
    assert facts.quantization == "F32"
    assert (facts.layer_count, facts.context_length, facts.embedding_length) == (3, 256, 64)
    assert (facts.head_count, facts.key_value_head_count, facts.vocabulary_size) == (4, 2, 300)
    assert facts.kv_bytes_per_token == 2 * 3 * 2 * (16 + 16)
    assert facts.parameter_count == 300 * 64 * 2 + 64 + 3 * (64 * 64 * 2 + 64 * 32 * 2 + 64 * 128 * 3 + 64 * 2)
    assert facts.license == "Apache-2.0"
    assert facts.chat_template == CHATML_TEMPLATE
    assert facts.capabilities == ("chat", "completion", "fim")
    assert facts.tensor_types == {"F32": 30}
    assert facts.sampling == Sampling()


def test_facts_survive_json(tmp_path: Path) -> None:
    facts = read_facts(write_tiny_llama(tmp_path / "model.gguf"))
    assert msgspec.json.decode(msgspec.json.encode(facts), type=ModelFacts) == facts


def test_lengths_of_keys_and_values_of_their_own_count(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_key_length(24)
        writer.add_value_length(8)

    assert facts_with(tmp_path, edit).kv_bytes_per_token == 2 * 2 * 2 * (24 + 8)


def test_heads_may_differ_by_layer_and_recurrent_layers_keep_nothing(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        replace(writer, "llama.attention.head_count_kv", [4, 0], gguf.GGUFValueType.ARRAY)

    facts = facts_with(tmp_path, edit)
    assert facts.key_value_head_count == 4
    assert facts.kv_bytes_per_token == 2 * 4 * (16 + 16)


def test_layers_between_full_attention_keep_nothing(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_uint32("llama.full_attention_interval", 2)

    assert facts_with(tmp_path, edit).kv_bytes_per_token == 2 * 1 * 2 * (16 + 16)


def test_without_key_value_heads_every_head_has_its_own(tmp_path: Path) -> None:
    facts = facts_with(tmp_path, lambda writer: writer.kv_data[0].pop("llama.attention.head_count_kv") and None)
    assert facts.key_value_head_count == 4


def test_the_file_type_is_the_label_and_else_the_type_with_most_bytes(tmp_path: Path) -> None:
    def edit(number: int) -> Callable[[gguf.GGUFWriter], None]:
        return lambda writer: replace(writer, "general.file_type", number, gguf.GGUFValueType.UINT32)

    assert facts_with(tmp_path, edit(15)).quantization == "Q4_K_M"
    assert facts_with(tmp_path, edit(15 + 1024)).quantization == "Q4_K_M"
    assert facts_with(tmp_path, edit(999)).quantization == "F32"
    assert (
        facts_with(tmp_path, lambda writer: writer.kv_data[0].pop("general.file_type") and None).quantization == "F32"
    )


def test_recommended_sampling_is_read_and_nonsense_left_out(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_float32("general.sampling.temp", 0.5)
        writer.add_int32("general.sampling.top_k", 40)
        writer.add_float32("general.sampling.top_p", float("nan"))
        writer.add_string("general.sampling.min_p", "none")
        writer.add_float32("general.sampling.penalty_repeat", 1.25)

    assert facts_with(tmp_path, edit).sampling == Sampling(temperature=0.5, top_k=40, repetition_penalty=1.25)


def test_text_that_will_be_printed_has_no_control_characters(tmp_path: Path) -> None:
    facts = read_facts(write_tiny_llama(tmp_path / "model.gguf", name="Evil\x1b[2J\r\nName" + "x" * 1000))
    assert facts.name.startswith("Evil[2JName")
    assert len(facts.name) == 200


def string(key: str, value: str) -> Callable[[gguf.GGUFWriter], None]:
    return lambda writer: replace(writer, key, value, gguf.GGUFValueType.STRING)


def number(key: str, value: int) -> Callable[[gguf.GGUFWriter], None]:
    return lambda writer: replace(writer, key, value, gguf.GGUFValueType.UINT32)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (string("general.type", "adapter"), "LoRA adapter"),
        (string("general.type", "mmproj"), "vision or audio"),
        (string("general.architecture", "clip"), "vision or audio"),
        (string("general.type", "imatrix"), "importance matrix"),
        (string("general.type", "dataset"), "'dataset'"),
        (string("general.architecture", "a b"), "general.architecture"),
        (string("general.architecture", "other"), "other.block_count"),
        (number("split.count", 3), "one of 3 parts"),
        (number("llama.block_count", 0), "no layers"),
        (number("llama.block_count", 1 << 30), "llama.block_count"),
        (string("llama.block_count", "two"), "llama.block_count"),
        (lambda writer: writer.kv_data[0].pop("llama.context_length") and None, "missing"),
        (lambda writer: writer.kv_data[0].pop("tokenizer.ggml.tokens") and None, "no vocabulary"),
        (number("tokenizer.chat_template", 1), "chat_template"),
    ],
)
def test_what_is_no_whole_model_is_refused_in_words(
    tmp_path: Path, edit: Callable[[gguf.GGUFWriter], None], said: str
) -> None:
    assert said in refusal(tmp_path, edit)


def test_a_vision_part_in_the_same_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_tensor("v.blk.0.attn_q.weight", np.zeros((4, 4), np.float32))

    assert "only Ollama's own engine reads" in refusal(tmp_path, edit)


def test_too_few_heads_for_the_layers_are_refused(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        replace(writer, "llama.attention.head_count_kv", [4], gguf.GGUFValueType.ARRAY)

    assert "each of 2 layers" in refusal(tmp_path, edit)


def test_a_vocabulary_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.gguf"
    path.write_bytes(raw.gguf([raw.text("general.architecture", "llama")]))
    with pytest.raises(CrofterError, match="no weights"):
        read_facts(path)
