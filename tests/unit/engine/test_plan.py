"""How a model is loaded and what makes room for it: tables over the pure decisions."""

from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode, ModelFile, ModelId, ProjectorFile
from crofter.engine import EngineSettings, Machine, Tuning
from crofter.engine.fit import memory_need, shape_of, with_projector
from crofter.engine.plan import (
    GIBIBYTE,
    MEBIBYTE,
    LoadedSize,
    evictions,
    judge,
    load_choice,
    plan_load,
    worth_tuning,
)

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
    advised = judge(MODEL, machine, wanted, None).most_context_tokens
    assert 0 < advised < 32_768
    assert f"a context of {advised} or less" in caught.value.message
    assert plan_load(MODEL, machine, EngineSettings(context_tokens=advised), None).context_tokens == advised


def test_what_never_fits_is_refused_with_the_weights_that_would() -> None:
    machine = msgspec.structs.replace(LAPTOP, available_bytes=700 * MEBIBYTE)
    with pytest.raises(CrofterError) as caught:
        plan_load(MODEL, machine, EngineSettings(), None)
    assert "needs 1." in caught.value.message or "needs 9" in caught.value.message
    assert "734.0 MB free" in caught.value.message
    assert "smaller quantisation (its weights may have" in caught.value.message


@pytest.mark.parametrize("flash_attention", ["auto", "off"])
@pytest.mark.parametrize("tuning", [None, TUNING], ids=["untuned", "tuned"])
def test_a_step_holds_all_rows_of_an_image_that_see_each_other_and_its_memory_is_counted(
    flash_attention: Literal["auto", "off"], tuning: Tuning | None
) -> None:
    settings = EngineSettings(flash_attention=flash_attention, context_tokens=4096)
    sight = ProjectorFile(path=Path("/mmproj.gguf"), weight_bytes=0, step_bytes=0)
    seeing = [
        msgspec.structs.replace(MODEL, projector=msgspec.structs.replace(sight, mutual_rows=rows)) for rows in (0, 1120)
    ]
    usual, whole = (plan_load(model, LAPTOP, settings, tuning) for model in seeing)
    assert usual.micro_batch_rows < whole.micro_batch_rows == whole.mutual_rows == 1120
    need = memory_need(shape_of(MODEL), load_choice(whole))
    assert whole.estimated_bytes == with_projector(need, seeing[1].projector).host.total_bytes > usual.estimated_bytes


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
    if not judge(model, machine, EngineSettings(), None).fits:
        with pytest.raises(CrofterError):
            plan_load(model, machine, EngineSettings(), None)
        assert size + 256 * per_token + GIBIBYTE + size // 2 > available
        return
    load = plan_load(model, machine, EngineSettings(), None)
    assert load.estimated_bytes <= available
    assert 1 <= load.context_tokens <= min(load.kv_tokens, context)
    assert load.micro_batch_rows <= load.kv_tokens


def test_what_is_kept_for_reuse_fits_beside_the_model() -> None:
    machine = msgspec.structs.replace(LAPTOP, available_bytes=1500 * MEBIBYTE)
    load = plan_load(MODEL, machine, EngineSettings(), None)
    assert load.estimated_bytes + load.prefix_cache_bytes <= machine.available_bytes


def test_layers_on_accelerators_leave_the_hosts_memory_alone() -> None:
    machine = msgspec.structs.replace(
        LAPTOP, available_bytes=700 * MEBIBYTE, accelerator_free_bytes=(4 * GIBIBYTE, 4 * GIBIBYTE)
    )
    load = plan_load(MODEL, machine, EngineSettings(), None)
    assert load.estimated_bytes <= machine.available_bytes
    assert all(bytes_taken > 400 * MEBIBYTE for bytes_taken in load.accelerator_bytes)
    with pytest.raises(CrofterError):
        plan_load(MODEL, machine, EngineSettings(gpu_layers=0), None)


def loaded(name: str, last_used: float, *, in_use: bool = False, pinned: bool = False) -> LoadedSize:
    return LoadedSize(ModelId(name), name, 100, last_used, in_use, pinned)


def test_the_least_recently_used_idle_models_go_first() -> None:
    models = [loaded("new", 3.0), loaded("busy", 1.0, in_use=True), loaded("old", 2.0)]
    assert evictions(models, 100, 400) == []
    assert evictions(models, 100, 300) == ["old"]
    assert evictions(models, 100, 200) == ["old", "new"]


def test_pinned_models_never_go() -> None:
    models = [loaded("kept", 1.0, pinned=True), loaded("old", 2.0), loaded("new", 3.0)]
    assert evictions(models, 100, 300) == ["old"]
    assert evictions(models, 100, 200) == ["old", "new"]


def test_models_in_use_stay_and_the_newcomer_is_told_to_wait() -> None:
    with pytest.raises(CrofterError) as caught:
        evictions([loaded("busy", 1.0, in_use=True)], 100, 150)
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
    assert caught.value.retry_after_seconds
    assert "busy is answering" in caught.value.message
    assert "50 bytes can be had" in caught.value.message


def test_where_pins_take_the_room_they_are_named_and_waiting_is_not_advised() -> None:
    with pytest.raises(CrofterError) as caught:
        evictions([loaded("kept", 1.0, pinned=True), loaded("idle", 2.0)], 100, 150)
    assert caught.value.retry_after_seconds is None
    assert "kept is pinned" in caught.value.message
    assert "crofter set kept --unpin" in caught.value.message
    assert "idle" not in caught.value.message
