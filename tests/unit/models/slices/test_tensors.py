"""What becomes of a model's tensors."""

import math
from typing import Any

import pytest

from crofter.models import Header
from crofter.models.slices.layers import read_layers
from crofter.models.slices.tensors import Pairs, SliceTensor, slice_tensors
from tests.unit.models.slices.headers import header, tensor


def sliced(model: Header, kept: tuple[int, int], run: tuple[int, int], *, ends: bool = False) -> dict[str, SliceTensor]:
    return {each.name: each for each in slice_tensors(read_layers(model), kept, run, is_ends=ends)}


def model(architecture: str = "llama", layers: int = 4, *parts: str, **own: Any) -> Header:  # noqa: ANN401
    outer = (tensor("token_embd.weight", 64, 300), tensor("output.weight", 64, 300), tensor("output_norm.weight", 64))
    blocks = tuple(
        tensor(f"blk.{layer}.{part}", 64, 64, type_number=0)
        for layer in range(layers)
        for part in parts or ("attn_q.weight",)
    )
    return header(architecture, layers, outer + blocks, **own)


def test_layers_are_copied_under_new_numbers_and_others_left_out() -> None:
    found = sliced(model(), (1, 3), (1, 3))
    assert {name: each.source for name, each in found.items() if name.startswith("blk.")} == {
        "blk.0.attn_q.weight": "blk.1.attn_q.weight",
        "blk.1.attn_q.weight": "blk.2.attn_q.weight",
    }


def test_layers_that_are_only_there_to_be_loaded_are_of_zeros() -> None:
    found = sliced(model("llama", 4, "attn_q.weight", "layer_output_scale.weight"), (1, 2), (0, 2))
    assert (found["blk.0.attn_q.weight"].source, found["blk.0.attn_q.weight"].value) == ("", 0.0)
    assert found["blk.0.layer_output_scale.weight"].value == 1.0
    assert found["blk.1.layer_output_scale.weight"].source == "blk.1.layer_output_scale.weight"


def test_a_stage_has_a_vocabulary_of_zeros_and_ends_have_the_real_one() -> None:
    stage = sliced(model(), (0, 2), (0, 2))
    assert [(stage[name].shape, stage[name].source) for name in ("token_embd.weight", "output.weight")] == [
        ((64, 32), "")
    ] * 2
    assert stage["output_norm.weight"].source == "output_norm.weight"
    ends = sliced(model(), (4, 4), (0, 1), ends=True)
    assert [ends[name].shape for name in ("token_embd.weight", "output.weight")] == [(64, 300)] * 2
    assert ends["token_embd.weight"].source == "token_embd.weight"


def test_positions_are_added_by_the_first_stage_only() -> None:
    positions = header("gpt2", 4, (tensor("position_embd.weight", 64, 512),))
    assert sliced(positions, (0, 2), (0, 2))["position_embd.weight"].source == "position_embd.weight"
    assert sliced(positions, (2, 4), (2, 4))["position_embd.weight"].source == ""


def test_gemma4_has_rotary_factors_only_where_a_layer_uses_them() -> None:
    gemma = header(
        "gemma4", 6, (tensor("rope_freqs.weight", 16),), attention__sliding_window_pattern=(True, True, False) * 2
    )
    assert "rope_freqs.weight" not in sliced(gemma, (0, 2), (0, 2))
    assert "rope_freqs.weight" in sliced(gemma, (1, 3), (1, 3))


def test_glm4_pairs_its_rows_otherwise_once_it_has_sections() -> None:
    glm = model("glm4", 4, "attn_q.weight", "attn_v.weight", rope__dimension_count=8)
    found = sliced(glm, (1, 2), (1, 2))
    assert found["blk.0.attn_q.weight"].pairs == Pairs(head_rows=16, rotated=8)
    assert found["blk.0.attn_v.weight"].pairs is None


@pytest.mark.parametrize(("layers", "factor"), [(46, math.sqrt(8 / 16)), (26, None)])
def test_the_largest_gemma2_gets_the_scale_that_llama_cpp_knows_it_by(layers: int, factor: float | None) -> None:
    found = sliced(model("gemma2", layers, attention__key_length=8), (1, 2), (1, 2))
    assert (found["blk.0.attn_q.scale"].value if "blk.0.attn_q.scale" in found else None) == factor


def test_the_largest_gemma3_has_it_in_a_norm() -> None:
    gemma = model("gemma3", 62, "attn_q_norm.weight", "attn_k_norm.weight", attention__key_length=8)
    found = sliced(gemma, (1, 2), (1, 2))
    assert found["blk.0.attn_q_norm.weight"].factor == pytest.approx(math.sqrt(0.5))
    assert found["blk.0.attn_k_norm.weight"].factor == 1.0
