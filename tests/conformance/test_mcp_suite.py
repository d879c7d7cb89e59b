"""The conformance suite of MCP's own makers against our endpoint, for the newest revision of the protocol and the one before.

What the node does not have is in mcp-REVISION.yml with the reason; the suite itself fails when a scenario that is listed passes.
"""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.conformance.environment import ROOT, Environment

REVISIONS = ("2025-11-25", "2026-07-28")


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.mcp_node"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_required_scenario_passes_but_for_those_listed(
    revision: str, environment: Environment, url: str, tmp_path: Path
) -> None:
    listed = Path(__file__).parent / f"mcp-{revision}.yml"
    command = [environment.node_program(), environment.mcp_suite, "server", "--url", f"{url}/mcp"]
    done = subprocess.run(
        [*map(str, command), "--requirements", revision, "--expected-failures", str(listed)],
        cwd=tmp_path,
        timeout=100,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    assert "✓ tools-call-with-progress" in done.stdout
