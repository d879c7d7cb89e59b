from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from crofter.models import read_facts
from tests.gguf_files import CHATML_TEMPLATE, write_tiny_llama
from tests.projector_files import ProjectorKind, write_tiny_projector

FILL_IN_KEYS = ("fim_pre_token_id", "fim_suf_token_id", "fim_mid_token_id")


def without_fill_in_keys(writer: gguf.GGUFWriter) -> None:
    for key in FILL_IN_KEYS:
        writer.kv_data[0].pop(f"tokenizer.ggml.{key}")


def without_fill_in_tokens(writer: gguf.GGUFWriter) -> None:
    tokens = writer.kv_data[0]["tokenizer.ggml.tokens"].value
    writer.kv_data[0]["tokenizer.ggml.tokens"].value = [token.replace("fim", "other") for token in tokens]


def without_either(writer: gguf.GGUFWriter) -> None:
    without_fill_in_keys(writer)
    without_fill_in_tokens(writer)


@pytest.mark.parametrize(
    ("edit", "fills_in"),
    [(without_fill_in_keys, True), (without_fill_in_tokens, True), (without_either, False)],
)
def test_fill_in_the_middle_is_known_by_keys_or_by_tokens(
    tmp_path: Path, edit: Callable[[gguf.GGUFWriter], None], fills_in: bool
) -> None:
    found = read_facts(write_tiny_llama(tmp_path / "model.gguf", edit=edit)).capabilities
    assert ("fim" in found) is fills_in


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (None, {"completion", "fim"}),
        (CHATML_TEMPLATE, {"chat", "completion", "fim"}),
        ("{% if tools %}{{ tools }}{% endif %}", {"chat", "completion", "fim", "tools"}),
        ("{{ '<think>' }}", {"chat", "completion", "fim", "reasoning"}),
        ("{% if enable_thinking %}{% endif %}", {"chat", "completion", "fim", "reasoning"}),
    ],
)
def test_the_template_says_what_a_chat_can_do(tmp_path: Path, template: str | None, expected: set[str]) -> None:
    assert set(read_facts(write_tiny_llama(tmp_path / "m.gguf", chat_template=template)).capabilities) == expected


@pytest.mark.parametrize(("pooling", "expected"), [(1, ("embedding",)), (3, ("embedding",)), (4, ("rerank",))])
def test_a_model_that_pools_only_measures_texts(tmp_path: Path, pooling: int, expected: tuple[str, ...]) -> None:
    assert read_facts(write_tiny_llama(tmp_path / "m.gguf", pooling_type=pooling)).capabilities == expected


def test_pooling_none_still_writes(tmp_path: Path) -> None:
    assert "completion" in read_facts(write_tiny_llama(tmp_path / "m.gguf", pooling_type=0)).capabilities


def test_an_encoder_embeds_and_keeps_no_keys_and_values(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        values = writer.kv_data[0]
        for key in [key for key in values if key.startswith("llama.")]:
            values[key.replace("llama.", "bert.")] = values.pop(key)
        values["general.architecture"].value = "bert"

    facts = read_facts(write_tiny_llama(tmp_path / "m.gguf", edit=edit))
    assert facts.capabilities == ("embedding",)
    assert facts.kv_bytes_per_token == 0


def test_a_head_that_gives_one_number_ranks_even_if_no_pooling_is_named(tmp_path: Path) -> None:
    def head(outputs: int) -> Callable[[gguf.GGUFWriter], None]:
        return lambda writer: writer.add_tensor("cls.output.weight", np.zeros((outputs, 64), np.float32))

    assert read_facts(write_tiny_llama(tmp_path / "m.gguf", edit=head(1))).capabilities == ("rerank",)
    assert "rerank" not in read_facts(write_tiny_llama(tmp_path / "m.gguf", edit=head(3))).capabilities


@pytest.mark.parametrize(
    ("senses", "expected"),
    [(("vision",), {"vision"}), (("audio",), {"audio"}), (("vision", "audio"), {"vision", "audio"}), ((), set())],
)
def test_a_projector_adds_what_it_was_made_for(tmp_path: Path, senses: tuple[str, ...], expected: set[str]) -> None:
    projector = gguf.GGUFWriter(tmp_path / "mmproj.gguf", "clip")
    for sense in ("vision", "audio"):
        projector.add_bool(f"clip.has_{sense}_encoder", sense in senses)
    projector.add_tensor("mm.0.weight", np.zeros((4, 4), np.float32))
    projector.write_header_to_file()
    projector.write_kv_data_to_file()
    projector.write_tensors_to_file()
    projector.close()
    model = write_tiny_llama(tmp_path / "m.gguf")
    assert set(read_facts(model, tmp_path / "mmproj.gguf").capabilities) & {"vision", "audio"} == expected
    assert not {"vision", "audio"} & set(read_facts(model).capabilities)


@pytest.mark.parametrize(
    ("kind", "hidden", "rows"),
    [
        ("gemma3", 64, 144),
        ("gemma4v", 5376, 1120),
        ("gemma4v", 2560, 0),
        ("qwen2vl_merger", 64, 0),
        ("ultravox", 64, 0),
    ],
)
def test_how_many_rows_see_each_other_is_told_by_the_projector(
    tmp_path: Path, kind: ProjectorKind, hidden: int, rows: int
) -> None:
    projector = write_tiny_projector(tmp_path / "mmproj.gguf", kind, hidden=hidden, image_size=96)
    facts = read_facts(write_tiny_llama(tmp_path / "m.gguf"), projector)
    assert facts.projector is not None
    assert facts.projector.mutual_rows == rows


@pytest.mark.parametrize(("kind", "sees"), [("mlp", True), ("qwen2vl_merger", True), ("hunyuanvl", False)])
def test_a_projector_that_needs_the_whole_prompt_gives_no_sight(
    tmp_path: Path, kind: ProjectorKind, sees: bool
) -> None:
    facts = read_facts(write_tiny_llama(tmp_path / "m.gguf"), write_tiny_projector(tmp_path / "mmproj.gguf", kind))
    assert ("vision" in facts.capabilities) is sees
    assert facts.projector is not None
    assert facts.projector.weight_bytes > 0
    assert facts.projector.step_bytes > 0
