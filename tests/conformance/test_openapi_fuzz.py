"""schemathesis asks a real node what its own OpenAPI document allows, and what it does not: no fault of the server, nothing undescribed."""

import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.conformance.environment import Environment
from tests.e2e.commands import Commands
from tests.gguf_files import write_tiny_llama

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
LEFT_OUT = ("/crofter/v1/shutdown", "/crofter/v1/tune")
"""It ends the node; it measures for a minute."""


@pytest.fixture
def node(tmp_path: Path) -> Generator[Commands]:
    """It asks no hub, knows no other program's models, and its own model is soon out of context."""
    commands = Commands(tmp_path / "home")
    commands.environment |= {"CROFTER_HUB_OFFLINE": "1", "HOME": str(tmp_path)}
    commands.run("up", "-d")
    commands.run("pull", str(write_tiny_llama(tmp_path / "tiny.gguf", context=128)), "--name", "tiny")
    commands.run("config", "set", "node.default_model", "tiny")
    yield commands
    commands.clean_up()


@pytest.mark.parametrize(
    ("phases", "examples"),
    [("examples,fuzzing", 5), pytest.param("examples,coverage,fuzzing", 20, marks=pytest.mark.slow)],
)
def test_the_node_is_what_its_document_says(
    phases: str, examples: int, environment: Environment, node: Commands, tmp_path: Path
) -> None:
    running = node.running()
    url = running["url"]
    command = [str(environment.python.with_name("schemathesis")), "run", f"{url}/openapi.json", "--url", url]
    command += ["--checks", CHECKS, "--phases", phases, "--max-examples", str(examples), "--seed", "1", "--no-shrink"]
    command += [argument for path in LEFT_OUT for argument in ("--exclude-path", path)]
    command += ["--header", f"Authorization: Bearer {running['administrator_token']}"]
    command += ["--request-timeout", "60", "--continue-on-failure", "--generation-database", "none"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=tmp_path, env=variables, timeout=900, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    assert node.json("status")["active_requests"] == 0
    assert [model for model in node.json("ps") if model["active_requests"] or model["kv_tokens_used"]] == []
