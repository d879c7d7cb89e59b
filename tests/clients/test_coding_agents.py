"""Claude Code, Codex and Aider, as their makers ship them, configured by `crofter connect` and driven without a terminal."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crofter.cli.connecting.programs import PROGRAMS, Target
from tests.clients.environments import ROOT, environment_with

pytestmark = pytest.mark.slow
AIDER = "aider-chat==0.86.2"
SAID = "The file is written."
CLAUDE_CODE, CODEX = "@anthropic-ai/claude-code@2.1.197", "@openai/codex@0.169.0"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both are installed; each brings its program for this system as a package of its own."""
    if shutil.which("npm") is None:
        pytest.skip("npm, which brings these programs, is not installed")
    folder = tmp_path_factory.mktemp("programs")
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run([*command, CLAUDE_CODE, CODEX], check=True, capture_output=True, timeout=110)
    return folder / "node_modules"


@contextmanager
def scripted_node(tool: str, arguments: dict[str, object], said: str = SAID) -> Generator[str]:
    command = [sys.executable, "-m", "tests.clients.scripted_node", tool, json.dumps(arguments), said]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def connected(home: Path, program: str, url: str) -> None:
    """The configuration that `crofter connect` would write."""
    known = PROGRAMS[program]
    assert known.merge is not None
    path = known.path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(known.merge("", Target(url=url, key="crofter", model="seedling", context_length=32_768)))


def run(command: list[str], home: Path, folder: Path) -> str:
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_claude_code_thinks_calls_a_tool_and_reads_its_result(programs: Path, tmp_path: Path) -> None:
    folder, file = tmp_path / "work", tmp_path / "work" / "hello.txt"
    folder.mkdir()
    with scripted_node("Write", {"file_path": str(file), "content": "Hello from Crofter\n"}) as url:
        connected(tmp_path / "home", "claude-code", url)
        program = next(programs.glob("@anthropic-ai/claude-code-*/claude*"))
        arguments = ["-p", "Write hello.txt", "--allowedTools", "Write", "--output-format", "json"]
        said = json.loads(run([str(program), *arguments], tmp_path / "home", folder))
    assert said["result"] == SAID
    assert said["num_turns"] == 2
    assert said["usage"]["output_tokens"] == 10
    assert file.read_text() == "Hello from Crofter\n"


def test_codex_calls_a_tool_and_reads_its_result(programs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    with scripted_node("exec_command", {"cmd": "echo Hello from Crofter > hello.txt"}) as url:
        connected(tmp_path / "home", "codex", url)
        program = str(programs / ".bin" / "codex")
        arguments = ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "Write hello.txt"]
        said = run([program, *arguments], tmp_path / "home", folder)
    assert SAID in said
    assert (folder / "hello.txt").read_text() == "Hello from Crofter\n"


@pytest.fixture(scope="module")
def aider(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where it is installed."""
    return str(environment_with(tmp_path_factory.mktemp("aider") / "environment", AIDER) / "aider")


def test_aider_edits_a_file(aider: str, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "work"
    folder.mkdir()
    (folder / "hello.txt").write_text("Hello\n")
    edit = "hello.txt\n```\n<<<<<<< SEARCH\nHello\n=======\nHello from Crofter\n>>>>>>> REPLACE\n```\n"
    with scripted_node("none", {}, edit) as url:
        connected(home, "aider", url)
        quiet = ["--yes-always", "--no-git", "--analytics-disable", "--no-check-update", "--no-show-model-warnings"]
        arguments = [*quiet, "--edit-format", "diff", "--message", "Greet from Crofter.", "hello.txt"]
        said = run([aider, *arguments], home, folder)
    assert "Applied edit to hello.txt" in said
    assert (folder / "hello.txt").read_text() == "Hello from Crofter\n"
