"""How small nodes have to be, so that they need each other."""

from pathlib import Path

import pytest

from crofter.cluster import TrialLimits, trial_limits
from crofter.core import CrofterError, ErrorCode, ModelFile, ModelId
from crofter.engine import EngineSettings, Machine, judge
from crofter.models import Header, facts_of, model_file, read_header
from tests.gguf_files import write_tiny_llama

SETTINGS = EngineSettings(gpu_layers=0)


def model(tmp_path: Path, layers: int, hidden: int = 512) -> tuple[ModelFile, Header]:
    path = write_tiny_llama(tmp_path / "big.gguf", layers=layers, hidden=hidden, heads=8, kv_heads=4, context=512)
    header = read_header(path)
    return model_file("big", ModelId("0" * 64), path, header.size_bytes, facts_of(header)), header


@pytest.mark.parametrize("node_count", [2, 3, 5])
def test_no_node_could_load_the_model_alone(tmp_path: Path, node_count: int) -> None:
    file, header = model(tmp_path, layers=12)
    limits = trial_limits(file, header, SETTINGS, node_count)
    machine = Machine(physical_cores=1, total_bytes=0, available_bytes=limits.limit_bytes)
    settings = EngineSettings(gpu_layers=0, context_tokens=limits.context_tokens)
    assert not judge(file, machine, settings, None).fits
    assert limits.whole_bytes > limits.limit_bytes
    assert limits.context_tokens <= file.context_length


def test_more_nodes_are_smaller_ones(tmp_path: Path) -> None:
    file, header = model(tmp_path, layers=12)
    two, four = (trial_limits(file, header, SETTINGS, count) for count in (2, 4))
    assert (two.stages, four.stages) == (2, 3)
    assert four.limit_bytes < two.limit_bytes


def test_a_planner_that_leaves_some_free_counts_on_all_of_the_limit(tmp_path: Path) -> None:
    limits: TrialLimits = trial_limits(*model(tmp_path, layers=12), SETTINGS, 3)
    assert int(0.9 * limits.share_bytes) >= limits.limit_bytes


def test_a_model_whose_parts_are_no_smaller_than_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrofterError, match="a larger model") as refused:
        trial_limits(*model(tmp_path, layers=1, hidden=64), SETTINGS, 3)
    assert refused.value.code is ErrorCode.UNSUPPORTED
