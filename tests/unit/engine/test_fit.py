"""What a load takes, against what llama.cpp was seen to reserve (`no_alloc`, llama-cpp-python 0.3.36) and against itself."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.core import ModelShape
from crofter.engine.fit import MEBIBYTE, LoadChoice, layer_homes, memory_need, most_gpu_layers, shape_of
from tests.fakes import MODEL

GROUPED = ModelShape(
    embedding_length=3072,
    vocabulary_size=128_256,
    head_count=24,
    query_width=3072,
    value_width=1024,
    feed_forward_length=8192,
    layer_bytes=(54 * MEBIBYTE,) * 28,
    layer_kv_bytes=(4096,) * 28,
    layer_state_bytes=(0,) * 28,
    input_bytes=308 * MEBIBYTE,
    tied_output=True,
)
EXPERTS = ModelShape(
    embedding_length=2048,
    vocabulary_size=151_936,
    head_count=32,
    query_width=4096,
    value_width=512,
    feed_forward_length=6144,
    expert_feed_forward_length=768,
    experts_used=8,
    layer_bytes=(91 * MEBIBYTE,) * 24,
    layer_kv_bytes=(2048,) * 24,
    layer_state_bytes=(0,) * 24,
)
WINDOWED = ModelShape(
    embedding_length=2304,
    vocabulary_size=256_000,
    head_count=8,
    query_width=2048,
    value_width=1024,
    feed_forward_length=9216,
    windowed=True,
    layer_bytes=(41 * MEBIBYTE,) * 26,
    layer_kv_bytes=(4096,) * 26,
    layer_state_bytes=(0,) * 26,
)
RECURRENT = ModelShape(
    embedding_length=1536,
    vocabulary_size=50_288,
    recurrent_width=19_248,
    layer_bytes=(8 * MEBIBYTE,) * 48,
    layer_kv_bytes=(0,) * 48,
    layer_state_bytes=(1_612_800,) * 48,
)
CHOICE = LoadChoice(kv_tokens=8192, sequences=16, micro_batch_rows=512, fused_attention=True)
GIBIBYTE = 1024 * MEBIBYTE


@pytest.mark.parametrize(
    ("shape", "kv_tokens", "rows", "fused", "reserved"),
    [
        (GROUPED, 8192, 512, True, 80.01),
        (GROUPED, 32_768, 512, True, 104.01),
        (GROUPED, 8192, 128, True, 20.0),
        (GROUPED, 8192, 512, False, 434.01),
        (GROUPED, 32_768, 512, False, 1634.01),
        (EXPERTS, 8192, 512, True, 96.01),
        (EXPERTS, 2048, 512, False, 162.01),
        (WINDOWED, 8192, 512, True, 87.52),
        (WINDOWED, 32_768, 512, True, 135.52),
        (WINDOWED, 8192, 512, False, 189.51),
    ],
)
def test_compute_buffers_are_those_that_llama_cpp_reserves(
    shape: ModelShape, kv_tokens: int, rows: int, fused: bool, reserved: float
) -> None:
    choice = LoadChoice(kv_tokens=kv_tokens, sequences=16, micro_batch_rows=rows, fused_attention=fused)
    on_an_accelerator = memory_need(shape, choice, 99, [100 * GIBIBYTE]).accelerators[0].compute_bytes
    assert on_an_accelerator / MEBIBYTE == pytest.approx(reserved, rel=0.03)


def test_the_host_also_needs_room_for_logits_and_for_rounded_inputs() -> None:
    host = memory_need(GROUPED, CHOICE).host.compute_bytes
    accelerator = memory_need(GROUPED, CHOICE, 99, [100 * GIBIBYTE]).accelerators[0].compute_bytes
    assert host - accelerator == 16 * 128_256 * 4 + 512 * 8192 * 9 // 8


def test_keys_values_and_states_are_counted_for_each_layer() -> None:
    assert memory_need(GROUPED, CHOICE).host.kv_bytes == 28 * 4096 * 8192
    # 1181.25 MiB, and 73.83 MiB for one sequence, by llama.cpp's log; the context does not matter.
    assert memory_need(RECURRENT, CHOICE).host.kv_bytes == pytest.approx(1181.25 * MEBIBYTE, rel=0.001)
    alone = msgspec.structs.replace(CHOICE, sequences=1, kv_tokens=32_768)
    assert memory_need(RECURRENT, alone).host.kv_bytes == pytest.approx(73.83 * MEBIBYTE, rel=0.001)


def test_models_for_embeddings_compute_the_logits_of_every_row() -> None:
    embedding = msgspec.structs.replace(GROUPED, embeds=True)
    choice = LoadChoice(kv_tokens=2048, sequences=16, micro_batch_rows=2048, fused_attention=True)
    # 1058.05 MiB, once more for what is copied out.
    assert memory_need(embedding, choice).host.compute_bytes > 2 * 1000 * MEBIBYTE
    encoder = msgspec.structs.replace(embedding, encoder=True, layer_kv_bytes=(0,) * 28)
    assert memory_need(encoder, choice).host.compute_bytes < 400 * MEBIBYTE


@given(st.integers(0, 60), st.integers(0, 70), st.lists(st.integers(0, 1 << 40), max_size=5))
def test_every_layer_has_one_home_and_the_last_ones_leave_the_host(
    layers: int, given_away: int, free_bytes: list[int]
) -> None:
    homes = layer_homes(layers, given_away, free_bytes)
    assert len(homes) == layers + 1
    assert list(homes) == sorted(homes)
    assert all(-1 <= home < len(free_bytes) for home in homes)
    away = min(given_away, layers + 1) if sum(free_bytes) else 0
    assert sum(home >= 0 for home in homes) == away


def test_layers_are_split_in_proportion_to_free_memory() -> None:
    homes = layer_homes(29, 30, [30 * GIBIBYTE, 10 * GIBIBYTE, 20 * GIBIBYTE])
    assert [homes.count(device) for device in (-1, 0, 1, 2)] == [0, 15, 5, 10]
    assert layer_homes(3, 2, [GIBIBYTE]) == (-1, -1, 0, 0)


def test_nothing_is_lost_or_counted_twice_when_layers_move() -> None:
    here = memory_need(EXPERTS, CHOICE)
    split = memory_need(EXPERTS, CHOICE, 10, [8 * GIBIBYTE, 8 * GIBIBYTE])
    devices = (split.host, *split.accelerators)
    assert sum(device.weights_bytes for device in devices) == here.host.weights_bytes
    assert sum(device.kv_bytes for device in devices) == here.host.kv_bytes
    assert all(device.compute_bytes > 90 * MEBIBYTE for device in devices)
    assert split.total_bytes == sum(device.total_bytes for device in devices)


def test_a_tied_output_is_held_twice_once_it_leaves_the_host() -> None:
    split = memory_need(GROUPED, CHOICE, 1, [8 * GIBIBYTE])
    assert split.accelerators[0].weights_bytes == GROUPED.input_bytes
    assert split.host.weights_bytes == memory_need(GROUPED, CHOICE).host.weights_bytes


def test_an_accelerator_that_is_not_used_needs_nothing() -> None:
    assert memory_need(GROUPED, CHOICE, 0, [8 * GIBIBYTE]).accelerators[0].total_bytes == 0


def test_as_many_layers_go_as_each_accelerator_holds() -> None:
    assert most_gpu_layers(EXPERTS, CHOICE, []) == 0
    assert most_gpu_layers(EXPERTS, CHOICE, [0]) == 0
    assert most_gpu_layers(EXPERTS, CHOICE, [100 * GIBIBYTE]) == 25
    free = [2 * GIBIBYTE, 2 * GIBIBYTE]
    layers = most_gpu_layers(EXPERTS, CHOICE, free)
    assert 0 < layers < 25
    for count, holds in ((layers, True), (layers + 1, False)):
        need = memory_need(EXPERTS, CHOICE, count, free)
        fits = [each.total_bytes <= 0.9 * room for each, room in zip(need.accelerators, free, strict=True)]
        assert all(fits) is holds


def test_an_unknown_shape_is_guessed_from_the_size() -> None:
    eight_billion = msgspec.structs.replace(
        MODEL, size_bytes=4_920_000_000, layer_count=32, kv_bytes_per_token=131_072, context_length=131_072
    )
    need = memory_need(shape_of(eight_billion), CHOICE)
    assert need.host.weights_bytes == eight_billion.size_bytes
    assert need.host.kv_bytes == 8192 * 131_072
    # 124.01 MiB and 7.83 MiB of outputs by llama.cpp's log for the real shape.
    assert need.host.compute_bytes == pytest.approx(140 * MEBIBYTE, rel=0.3)
