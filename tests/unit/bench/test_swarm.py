"""The bench of routes is no part of the node, and would rot unseen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_BENCH = Path(__file__).parents[3] / "bench" / "swarm.py"


@pytest.mark.slow
def test_quick_run_gives_the_figures_of_a_hop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROFTER_BENCH_MODELS", str(tmp_path))
    command = [sys.executable, str(_BENCH), "--quick", "--json", "--only", "hop", "--model", "seedling"]

    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout

    said = json.loads(printed)
    assert {"hop_ms_p50", "hop_network_ms_p50", "hop_worker_ms_p50", "ends_ms_p50"} <= set(said["figures"])
    assert all(said["figures"][f"step_ms_{stages}"] > 0 for stages in ("1_stage", "2_stages", "3_stages"))
    assert said["conditions"]["cores"]
