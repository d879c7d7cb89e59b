"""The conformance suite of MCP's own makers against our endpoint, for the newest revision of the protocol and the one before.

Once with the node's own tools: what it does not have is in mcp-REVISION.yml with the reason, and the suite itself fails when a scenario
that is listed passes. Once with a server at the same endpoint that has everything the suite asks for by name: there nothing is left out.
"""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.conformance.environment import ROOT, Environment

REVISIONS = ("2025-11-25", "2026-07-28")


@pytest.fixture(scope="module", params=["own", "everything"])
def served(request: pytest.FixtureRequest) -> Generator[tuple[str, str]]:
    """Which server, and its address."""
    server: str = request.param
    with subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.mcp_node", server], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield server, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_required_scenario_passes_but_for_those_listed(
    revision: str, environment: Environment, served: tuple[str, str], tmp_path: Path
) -> None:
    server, url = served
    command = [environment.node_program(), environment.mcp_suite, "server", "--url", f"{url}/mcp"]
    if server == "own":
        command += ["--expected-failures", Path(__file__).parent / f"mcp-{revision}.yml"]
    done = subprocess.run(
        [*map(str, command), "--requirements", revision],
        cwd=tmp_path,
        timeout=100,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    assert "✓ tools-call-with-progress" in done.stdout
