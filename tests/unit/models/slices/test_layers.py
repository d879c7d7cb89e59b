"""Where models can be cut, and which layers a slice has to take along."""

from typing import Any

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.slices.layers import checked_range, covering, cuts, shortest
from tests.unit.models.slices.headers import layers_of


def test_an_ordinary_model_is_cut_anywhere_and_nothing_is_added() -> None:
    layers = layers_of("llama", 6)
    assert cuts(layers) == (1, 2, 3, 4, 5)
    assert covering(layers, 2, 3) == (2, 3)
    assert shortest(layers) == (0, 1)


def test_layers_that_predict_further_ahead_are_left_out() -> None:
    layers = layers_of("glm4moe", 9, nextn_predict_layers=1)
    assert layers.count == 8
    assert cuts(layers)[-1] == 7


@pytest.mark.parametrize(("architecture", "own"), [("smollm3", {}), ("afmoe", {}), ("llama4", {})])
def test_a_kind_that_counts_in_fours_begins_at_a_multiple(architecture: str, own: dict[str, Any]) -> None:
    layers = layers_of(architecture, 12, **own)
    assert covering(layers, 5, 8)[0] == 4
    assert covering(layers, 7, 9)[0] == 4


def test_the_steps_of_experts_count_too() -> None:
    assert covering(layers_of("ernie4_5-moe", 12, interleave_moe_layer_step=3), 4, 6) == (3, 6)
    assert covering(layers_of("llama4", 24, interleave_moe_layer_step=3), 13, 16) == (12, 16)


def test_a_slice_of_four_layers_would_be_taken_for_a_whole_smallthinker() -> None:
    with_window = layers_of("smallthinker", 12, attention__sliding_window=4096)
    assert covering(with_window, 4, 8) == (4, 9)
    assert covering(with_window, 8, 12) == (4, 12)
    assert covering(layers_of("smallthinker", 12), 5, 9) == (5, 9)


def test_a_slice_has_a_layer_with_a_window_if_the_model_has_any() -> None:
    layers = layers_of("gemma3", 12, attention__sliding_window=512)
    assert layers.windowed == (True,) * 5 + (False,) + (True,) * 5 + (False,)
    assert covering(layers, 5, 6) == (5, 7)
    assert covering(layers, 11, 12) == (10, 12)  # What is added comes before: the last layer stays the last.
    assert covering(layers, 3, 5) == (3, 5)


def test_windows_are_read_from_the_file_where_it_lists_them() -> None:
    listed = (True, False, False, True)
    assert layers_of("mimo2", 4, attention__sliding_window_pattern=listed).windowed == listed
    assert layers_of("gemma2", 4, attention__sliding_window_pattern=4).windowed == (True, True, True, False)
    assert layers_of("cohere2moe", 4).windowed == (False, True, True, True)
    assert layers_of("olmo2", 4).windowed == ()
    with pytest.raises(CrofterError, match="sliding_window_pattern is missing"):
        layers_of("mimo2", 4)


@pytest.mark.parametrize(
    "own", [{"full_attention_interval": 4}, {}, {"attention__recurrent_layers": (True, True, True, False) * 2}]
)
def test_a_slice_has_a_layer_of_either_kind(own: dict[str, Any]) -> None:
    layers = layers_of("qwen3next", 8, **own)
    assert layers.recurrent == (True, True, True, False) * 2
    assert covering(layers, 0, 2) == (0, 4)
    assert covering(layers, 3, 4) in {(2, 4), (3, 5)}
    assert covering(layers, 7, 8) == (6, 8)
    assert shortest(layers)[1] - shortest(layers)[0] == 2


def test_kinds_of_layers_are_told_by_their_heads() -> None:
    assert layers_of("jamba", 4, attention__head_count_kv=(0, 2, 0, 0)).recurrent == (True, False, True, True)
    nemotron = layers_of("nemotron_h", 4, attention__head_count_kv=(0, 2, 0, 0), feed_forward_length=(0, 0, 64, 0))
    assert nemotron.recurrent == (True, False, False, True)
    assert covering(nemotron, 2, 3) == (0, 3) or covering(nemotron, 2, 3) == (1, 4)


def test_layers_that_borrow_keys_and_values_stay_with_those_that_lend() -> None:
    pattern = (True, False) * 5
    layers = layers_of("gemma4", 10, attention__sliding_window_pattern=pattern, attention__shared_kv_layers=4)
    assert cuts(layers) == (1, 2, 3, 4)
    with pytest.raises(CrofterError, match="cannot be cut before its layer 5") as caught:
        checked_range(layers, 0, 5)
    assert caught.value.code is ErrorCode.UNSUPPORTED


def test_a_gemma4_slice_has_two_layers() -> None:
    assert covering(layers_of("gemma4", 6, attention__sliding_window_pattern=(True, False) * 3), 2, 3) == (2, 4)


def test_layers_that_use_a_selection_stay_with_the_one_that_makes_it() -> None:
    layers = layers_of("glm-dsa", 8, attention__indexer__types=(1, 1, 1, 0, 0, 0, 1, 0))
    assert cuts(layers) == (1, 2, 6)
    old = layers_of("glm-dsa", 8, context_length=131_072)
    assert cuts(old) == tuple(range(1, 8))
    new = layers_of("glm-dsa", 12, context_length=1 << 20)
    assert cuts(new) == (1, 2, 6, 10)


def test_layers_with_a_window_need_no_selection() -> None:
    layers = layers_of(
        "dots3note",
        6,
        attention__sliding_window_pattern=(True, False, True, False, True, False),
        attention__indexer__types=(0, 1, 0, 0, 0, 1),
    )
    assert cuts(layers) == (1, 4, 5)


def test_a_deci_slice_begins_with_a_layer_that_has_heads() -> None:
    assert covering(layers_of("deci", 4, attention__head_count=(8, 0, 0, 8)), 2, 4) == (0, 4)


def test_a_slice_is_not_mistaken_for_another_model() -> None:
    assert covering(layers_of("deepseek2", 60), 0, 26) == (0, 28)
    assert covering(layers_of("deepseek2", 60), 34, 60) == (32, 60)
    assert covering(layers_of("deepseek2", 27), 0, 27) == (0, 27)


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (3, 2), (0, 9), (-1, 2)])
def test_ranges_that_do_not_exist_are_refused(start: int, stop: int) -> None:
    with pytest.raises(CrofterError) as caught:
        checked_range(layers_of("llama", 8), start, stop)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
