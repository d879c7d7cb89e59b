"""How a model is loaded and what makes room for it: tables over the pure decisions."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode, ModelFile, ModelId
from crofter.engine import EngineSettings, Machine, Tuning
from crofter.engine.plan import GIBIBYTE, MEBIBYTE, LoadedSize, evictions, gpu_layers, plan_load, worth_tuning

LAPTOP = Machine(physical_cores=4, total_bytes=16 * GIBIBYTE, available_bytes=12 * GIBIBYTE)
MODEL = ModelFile(
    model_id=ModelId("m"),
    name="one-billion",
    path=Path("/m.gguf"),
    size_bytes=800 * MEBIBYTE,
    architecture="llama",
    layer_count=16,
    context_length=131_072,
    kv_bytes_per_token=32 * 1024,
)
TUNING = Tuning(threads=2, batch_threads=3, micro_batch_rows=256, flash_attention="on", repack=False)


def test_a_laptop_gets_a_usual_context_and_room_for_two_of_them() -> None:
    load = plan_load(MODEL, LAPTOP, EngineSettings(), None)
    assert (load.context_tokens, load.kv_tokens, load.threads, load.repack) == (8192, 16384, 4, True)
    assert load.estimated_bytes > MODEL.size_bytes + 16384 * MODEL.kv_bytes_per_token


def test_short_memory_shortens_the_context() -> None:
    machine = msgspec.structs.replace(LAPTOP, available_bytes=1400 * MEBIBYTE)
    load = plan_load(MODEL, machine, EngineSettings(), None)
    assert 256 <= load.context_tokens < 8192
    assert load.estimated_bytes <= machine.available_bytes


def test_a_context_that_was_asked_for_is_given_or_refused() -> None:
    wanted = EngineSettings(context_tokens=32_768)
    assert plan_load(MODEL, LAPTOP, wanted, None).context_tokens == 32_768
    machine = msgspec.structs.replace(LAPTOP, available_bytes=1400 * MEBIBYTE)
    with pytest.raises(CrofterError) as caught:
        plan_load(MODEL, machine, wanted, None)
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
    assert "engine.context_tokens" in caught.value.message


def test_a_context_is_never_longer_than_the_models() -> None:
    model = msgspec.structs.replace(MODEL, context_length=1024)
    assert plan_load(model, LAPTOP, EngineSettings(context_tokens=4096), None).context_tokens == 1024


def test_a_context_wanted_for_one_model_counts_more_than_the_setting_for_all() -> None:
    for tokens in (512, 65_536):
        model = msgspec.structs.replace(MODEL, context_tokens=tokens)
        assert plan_load(model, LAPTOP, EngineSettings(context_tokens=4096), None).context_tokens == tokens


def test_a_tuning_is_followed_unless_the_owner_said_otherwise() -> None:
    load = plan_load(MODEL, LAPTOP, EngineSettings(), TUNING)
    assert (load.threads, load.batch_threads, load.micro_batch_rows) == (2, 3, 256)
    assert (load.flash_attention, load.repack) == ("on", False)
    load = plan_load(MODEL, LAPTOP, EngineSettings(threads=1, flash_attention="off"), TUNING)
    assert (load.threads, load.batch_threads, load.flash_attention) == (1, 1, "off")


def test_without_fused_attention_steps_are_short_because_their_scores_take_memory() -> None:
    assert plan_load(MODEL, LAPTOP, EngineSettings(flash_attention="off"), None).micro_batch_rows == 128
    assert plan_load(MODEL, LAPTOP, EngineSettings(), None).micro_batch_rows == 512


def test_the_smallest_models_are_computed_by_one_thread_and_not_tuned() -> None:
    tiny = msgspec.structs.replace(MODEL, size_bytes=3 * MEBIBYTE)
    assert plan_load(tiny, LAPTOP, EngineSettings(), None).threads == 1
    assert not worth_tuning(tiny)
    assert worth_tuning(MODEL)


@given(
    st.integers(min_value=0, max_value=200 * GIBIBYTE),
    st.integers(min_value=1, max_value=100 * GIBIBYTE),
    st.integers(min_value=0, max_value=1 << 20),
    st.integers(min_value=1, max_value=1 << 20),
)
def test_no_plan_takes_more_than_there_is(available: int, size: int, per_token: int, context: int) -> None:
    model = msgspec.structs.replace(MODEL, size_bytes=size, kv_bytes_per_token=per_token, context_length=context)
    machine = msgspec.structs.replace(LAPTOP, available_bytes=available)
    smallest = size + 256 * per_token + 160 * MEBIBYTE
    if smallest > available:
        with pytest.raises(CrofterError):
            plan_load(model, machine, EngineSettings(), None)
        return
    load = plan_load(model, machine, EngineSettings(), None)
    assert load.estimated_bytes <= available
    assert 1 <= load.context_tokens <= min(load.kv_tokens, context)
    assert load.micro_batch_rows <= load.kv_tokens


@pytest.mark.parametrize(
    ("free_gibibytes", "expected"),
    [(0, 0), (100, 17), (1, 8)],
    ids=["no GPU", "all layers and the head", "some layers"],
)
def test_layers_go_to_the_gpu_as_its_memory_allows(free_gibibytes: int, expected: int) -> None:
    layers = gpu_layers(
        wanted=-1,
        layer_count=16,
        model_bytes=GIBIBYTE,
        kv_bytes=GIBIBYTE // 2,
        free_bytes=free_gibibytes * GIBIBYTE,
    )
    assert layers == expected


def test_the_owner_decides_about_the_gpu() -> None:
    assert gpu_layers(wanted=3, layer_count=16, model_bytes=1, kv_bytes=1, free_bytes=0) == 3


def loaded(name: str, last_used: float, *, in_use: bool = False) -> LoadedSize:
    return LoadedSize(ModelId(name), 100, last_used, in_use)


def test_the_least_recently_used_idle_models_go_first() -> None:
    models = [loaded("new", 3.0), loaded("busy", 1.0, in_use=True), loaded("old", 2.0)]
    assert evictions(models, 100, 400) == []
    assert evictions(models, 100, 300) == ["old"]
    assert evictions(models, 100, 200) == ["old", "new"]


def test_models_in_use_stay_and_the_newcomer_is_told_to_wait() -> None:
    with pytest.raises(CrofterError) as caught:
        evictions([loaded("busy", 1.0, in_use=True)], 100, 150)
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
    assert caught.value.retry_after_seconds
