"""How parts of models are loaded: tables over the pure decisions."""

from pathlib import Path

import msgspec
import pytest

from crofter.core import EmbeddingTable, ModelId, ProjectorFile, SliceFile
from crofter.engine import EngineSettings, judge
from crofter.engine.plan import plan_load, worth_tuning
from crofter.engine.slices import HEAD_CELLS, with_slice

from .test_plan import LAPTOP, MODEL

STAGE = SliceFile(
    model_id=ModelId("slice"),
    name="one-billion",
    path=MODEL.path,
    size_bytes=MODEL.size_bytes // 4,
    architecture=MODEL.architecture,
    layer_count=4,
    context_length=MODEL.context_length,
    kv_bytes_per_token=MODEL.kv_bytes_per_token,
    source_id=MODEL.model_id,
    source_layer_count=16,
    start=12,
    stop=16,
    hidden_tensor="l_out-3",
    input_scale=0.5,
)
TABLE = EmbeddingTable(path="/m.gguf", offset=32, type_number=8, row_bytes=2176, row_count=128_256, width=2048)
ENDS = msgspec.structs.replace(STAGE, model_id=ModelId("ends"), start=16, hidden_tensor="", embeddings=TABLE)


def test_a_stage_is_loaded_as_a_model_is_and_keeps_nothing_for_whoever_comes_next() -> None:
    load = with_slice(plan_load(STAGE, LAPTOP, EngineSettings(), None), STAGE, Path("/built"))
    assert (load.context_tokens, load.kv_tokens, load.prefix_cache_bytes) == (8192, 16384, 0)
    assert load.slice is not None
    assert (load.slice.hidden_tensor, load.slice.input_scale, load.slice.build_folder) == ("l_out-3", 0.5, "/built")


def test_only_the_last_layers_give_wanted_rows_alone() -> None:
    parts = [STAGE, msgspec.structs.replace(STAGE, start=0, stop=12)]
    loads = [with_slice(plan_load(part, LAPTOP, EngineSettings(), None), part, Path("/built")) for part in parts]
    assert [load.slice.gives_wanted_only for load in loads if load.slice is not None] == [True, False]


def test_ends_have_the_context_and_none_of_its_memory() -> None:
    fit = judge(ENDS, LAPTOP, EngineSettings(context_tokens=100_000), None)
    assert fit.context_tokens == 100_000
    assert fit.need.host.kv_bytes == HEAD_CELLS * MODEL.kv_bytes_per_token
    load = plan_load(ENDS, LAPTOP, EngineSettings(context_tokens=100_000), None)
    assert load.micro_batch_rows == HEAD_CELLS


@pytest.mark.parametrize(("width", "rows"), [(2048, 512), (7680, 512), (8192, 448), (65536, 64)])
def test_ends_send_no_more_rows_at_once_than_a_frame_holds(width: int, rows: int) -> None:
    shape = msgspec.structs.replace(ENDS.shape, embedding_length=width)
    projector = ProjectorFile(path=Path("eyes"), weight_bytes=1, step_bytes=1, mutual_rows=2048)
    ends = msgspec.structs.replace(ENDS, shape=shape, projector=projector)
    assert plan_load(ends, LAPTOP, EngineSettings(), None).micro_batch_rows == rows


def test_a_whole_models_plan_stays_as_it_is() -> None:
    load = plan_load(MODEL, LAPTOP, EngineSettings(), None)
    assert with_slice(load, MODEL, Path("/built")) is load


def test_parts_are_not_tuned() -> None:
    assert [worth_tuning(model) for model in (MODEL, STAGE, ENDS)] == [True, False, False]
