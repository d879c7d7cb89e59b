"""llama.cpp gives the same, bit for bit, from the slices as from the whole model."""

import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crofter.models import InstalledModel, ModelRegistry, plan_slice, read_header, slice_adapter
from crofter.models.installed import packaged_model
from crofter.store import Database, ModelRecords
from tests.gguf_files import write_tiny_llama
from tests.unit.models.slices import pipeline
from tests.unit.models.slices.test_adapters import write_adapter

_SECONDS = 120


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    records = ModelRecords(Database.open(tmp_path / "node.db", bytes(32)))
    return ModelRegistry(records, tmp_path / "models")


def compared(
    registry: ModelRegistry, model: InstalledModel, cuts: Sequence[int], adapters: dict[str, Any] | None = None
) -> dict[str, float]:
    """The stages between the cuts, and the ends from the last on, against the whole."""
    stages = [registry.slices.stage(model, *part) for part in pairwise((0, *cuts))]
    ends = registry.slices.ends(model, cuts[-1])
    assert ends.embeddings is not None
    task: dict[str, Any] = {
        "whole": str(model.file.path),
        "stages": [
            {
                "path": str(stage.path),
                "hidden": stage.hidden_tensor,
                "input_scale": stage.input_scale,
                "output_scale": stage.output_scale,
            }
            for stage in stages
        ],
        "ends": {
            "path": str(ends.path),
            "table": msgspec.to_builtins(ends.embeddings),
            "input_scale": ends.input_scale,
            "keeps_layers": ends.start < ends.source_layer_count,
        },
    }
    command = [sys.executable, pipeline.__file__, json.dumps(task | ({"adapters": adapters} if adapters else {}))]
    result = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout)


@pytest.mark.parametrize("cuts", [(2, 5), (1, 2, 3, 4, 5), (1, 4), (3,)])
def test_stages_and_ends_give_what_the_whole_model_gives(registry: ModelRegistry, cuts: tuple[int, ...]) -> None:
    """Halves, single layers, and ends that keep the last ones; of the packaged model, which is in Q8_0."""
    assert packaged_model().is_file()
    assert compared(registry, registry.resolve("seedling"), cuts)["difference"] == 0.0


def test_a_divided_model_is_cut_like_a_whole_one(registry: ModelRegistry, tmp_path: Path) -> None:
    whole = write_tiny_llama(tmp_path / "whole.gguf", layers=3)
    model = registry.add(str(whole), "tiny", lambda _done, _total: None)
    assert len(registry.contents.header(model).parts) > 1
    assert compared(registry, model, (1, 3))["difference"] == 0.0


def test_an_adapter_changes_the_slices_as_it_changes_the_whole(registry: ModelRegistry, tmp_path: Path) -> None:
    model = registry.link(
        (write_tiny_llama(tmp_path / "whole.gguf", layers=4),), "tiny", "", lambda _done, _total: None
    )
    adapter = read_header(write_adapter(tmp_path / "adapter.gguf", 4))
    parts = [tmp_path / f"part-{number}.gguf" for number in range(2)]
    for (start, stop), part in zip(((0, 1), (1, 4)), parts, strict=True):
        assert slice_adapter(adapter, plan_slice(registry.contents.header(model), start, stop), part)
    adapters = {"whole": str(adapter.path), "stages": [str(part) for part in parts]}
    assert compared(registry, model, (1, 4), adapters=adapters)["difference"] == 0.0
    without = {"whole": str(adapter.path), "stages": ["", ""]}
    assert compared(registry, model, (1, 4), adapters=without)["difference"] > 0.1
