"""The plan of a stage and of the ends, as a whole."""

import math
from pathlib import Path
from typing import Any

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models import legal_cuts, plan_ends, plan_slice, read_header
from crofter.models.gguf.tables import INT32, UINT32
from crofter.models.slices.metadata import Put
from tests.gguf_files import write_tiny_llama
from tests.unit.models.slices.headers import Q4_K, header, tensor


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "whole.gguf", layers=4)


def test_a_stage_gives_the_rows_of_its_last_layer(llama: Path) -> None:
    model = read_header(llama)
    plan = plan_slice(model, 1, 3)
    assert legal_cuts(model) == (1, 2, 3)
    assert (plan.start, plan.stop, plan.covered_start, plan.covered_stop) == (1, 3, 1, 3)
    assert (plan.source_layer_count, plan.hidden_tensor, plan.is_ends) == (4, "l_out-1", False)
    assert (plan.input_scale, plan.output_scale) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("architecture", "own", "name"),
    [
        ("plamo2", {"attention__head_count_kv": (0, 2) * 2}, "ffn_residual-1"),
        ("nemotron_h", {"attention__head_count_kv": (0, 2) * 2, "feed_forward_length": 0}, "nemotron_h_block_out-1"),
        ("step35", {"attention__sliding_window_pattern": (True, False) * 2}, "h_nextn"),
    ],
)
def test_some_kinds_call_it_otherwise(architecture: str, own: dict[str, Any], name: str) -> None:
    model = header(architecture, 4, **own)
    assert plan_slice(model, 0, 2).hidden_tensor == name


def test_the_ends_have_one_small_layer_of_zeros(llama: Path) -> None:
    plan = plan_ends(read_header(llama))
    blocks = {each.name: each for each in plan.tensors if each.name.startswith("blk.")}
    assert (plan.start, plan.stop, plan.covered_stop - plan.covered_start) == (4, 4, 1)
    assert plan.is_ends
    assert all(each.source == "" and each.value == 0 for each in blocks.values())
    assert blocks["blk.0.ffn_up.weight"].shape == (64, 32)
    assert blocks["blk.0.ffn_down.weight"].shape == (32, 64)
    assert blocks["blk.0.attn_q.weight"].shape == blocks["blk.0.attn_v.weight"].shape == (64, 16)
    assert blocks["blk.0.attn_output.weight"].shape == (16, 64)
    assert plan.metadata["llama.feed_forward_length"] == Put(UINT32, 32)
    assert plan.metadata["llama.attention.head_count"] == Put(UINT32, 1)
    assert plan.metadata["llama.attention.key_length"] == Put(UINT32, 16)


def test_rows_that_became_too_short_for_their_type_get_another() -> None:
    model = header(
        "qwen2",
        2,
        (tensor("blk.0.ffn_down.weight", 512, 256, type_number=12),),
        feed_forward_length=512,
        embedding_length=256,
    )
    (down,) = plan_ends(model).tensors
    assert (down.shape, down.type.name) == ((32, 256), "F32")
    assert plan_slice(model, 0, 1).tensors[0].type is Q4_K


@pytest.mark.parametrize(
    ("part", "shape"), [("ffn_up.weight", (64, 100)), ("ffn_special.weight", (64, 128)), ("attn_gate.weight", (64, 64))]
)
def test_a_layer_with_tensors_that_are_not_understood_keeps_its_size(part: str, shape: tuple[int, int]) -> None:
    kind = part[:4]
    others = {"ffn_": tensor("blk.0.ffn_gate.weight", 64, 128), "attn": tensor("blk.0.attn_q.weight", 64, 64)}
    model = header("llama", 2, (tensor(f"blk.0.{part}", *shape), others[kind]), feed_forward_length=128)
    assert {each.shape for each in plan_ends(model).tensors} == {shape, others[kind].shape}


def test_experts_become_short_and_stay_as_many() -> None:
    experts = (tensor("blk.0.ffn_up_exps.weight", 64, 256, 8), tensor("blk.0.ffn_gate_inp.weight", 64, 8))
    model = header("qwen3moe", 2, experts, expert_feed_forward_length=256, expert_count=8, expert_used_count=2)
    plan = plan_ends(model)
    assert [each.shape for each in plan.tensors] == [(64, 32, 8), (64, 8)]
    assert plan.metadata["qwen3moe.expert_feed_forward_length"] == Put(UINT32, 32)


def test_lists_stay_lists_and_numbers_numbers() -> None:
    model = header("llama", 4, (tensor("blk.0.attn_q.weight", 64, 64),), attention__head_count=(4, 4, 2, 4))
    metadata = plan_ends(model).metadata
    assert metadata["llama.attention.head_count"] == Put(INT32, (1,))
    assert metadata["llama.attention.key_length"] == Put(UINT32, 16)


def test_the_ends_can_keep_the_last_layers(llama: Path) -> None:
    plan = plan_ends(read_header(llama), 3)
    assert (plan.start, plan.stop, plan.covered_start) == (3, 4, 3)
    assert {each.source for each in plan.tensors if each.name == "blk.0.attn_q.weight"} == {"blk.3.attn_q.weight"}
    assert "llama.feed_forward_length" not in plan.metadata


@pytest.mark.parametrize("start", [0, 5, -1])
def test_the_ends_keep_a_tail_of_the_layers_or_none(llama: Path, start: int) -> None:
    with pytest.raises(CrofterError) as caught:
        plan_ends(read_header(llama), start)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_rows_are_scaled_back_where_the_graph_scales_whatever_comes_in() -> None:
    gemma = header("gemma", 4)
    assert [plan_slice(gemma, start, start + 1).input_scale for start in (0, 1)] == [1.0, 1 / 8]
    assert plan_ends(gemma).input_scale == 1 / 8
    assert plan_ends(gemma).embedding_scale == 1.0


def test_embeddings_are_scaled_here_where_the_graph_scales_those_of_tokens_only() -> None:
    gemma = header("gemma3", 4)
    assert plan_ends(gemma).embedding_scale == 8.0
    assert plan_ends(gemma).input_scale == plan_slice(gemma, 0, 2).input_scale == 1.0


def test_minicpm3_adds_more_in_shorter_files() -> None:
    minicpm = header("minicpm3", 4)
    first, second = plan_slice(minicpm, 0, 1), plan_slice(minicpm, 1, 4)
    assert (first.input_scale, first.output_scale) == (2.0, 0.5)
    larger = math.sqrt(4 / 3)
    assert (second.input_scale, second.output_scale) == pytest.approx((larger / 12, 1 / larger))
    assert plan_ends(minicpm).input_scale == pytest.approx(1 / 12)
