"""Agents that write code, as their makers ship them, configured by `crofter connect` and driven without a terminal."""

import json
import os
import shlex
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
OPENCODE, CONTINUE, CLINE = "opencode-ai@1.18.33", "@continuedev/cli@1.5.47", "cline@3.0.65"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where these are installed; most bring their program for this system as a package of its own."""
    return installed(tmp_path_factory.mktemp("programs"), CLAUDE_CODE, CODEX, OPENCODE, CONTINUE)


def installed(folder: Path, *packages: str) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("npm, which brings these programs, is not installed")
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run([*command, *packages], check=True, capture_output=True, timeout=110)
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


def target(url: str) -> Target:
    return Target(url=url, key="crofter", model="seedling", context_length=32_768)


def connected(home: Path, program: str, url: str) -> None:
    """The configuration that `crofter connect` would write."""
    known = PROGRAMS[program]
    assert known.merge is not None
    path = known.path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(known.merge("", target(url)))


def told(program: str, url: str) -> str:
    """What `crofter connect` says to put or type somewhere: its last paragraph."""
    known = PROGRAMS[program]
    assert known.words is not None
    return known.words(target(url)).rpartition("\n\n")[2]


def run(command: list[str], home: Path, folder: Path) -> str:
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CONTINUE_TELEMETRY_ENABLED": "0",
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


def test_opencode_calls_a_tool_and_reads_its_result(programs: Path, tmp_path: Path) -> None:
    folder, file = tmp_path / "work", tmp_path / "work" / "hello.txt"
    folder.mkdir()
    with scripted_node("write", {"filePath": str(file), "content": "Hello from Crofter\n"}) as url:
        connected(tmp_path / "home", "opencode", url)
        program = next(programs.glob("opencode-*/bin/opencode"))
        said = run([str(program), "run", "Write hello.txt"], tmp_path / "home", folder)
    assert SAID in said
    assert file.read_text() == "Hello from Crofter\n"


def test_continue_calls_a_tool_and_reads_its_result(programs: Path, tmp_path: Path) -> None:
    home, folder, file = tmp_path / "home", tmp_path / "work", tmp_path / "work" / "hello.txt"
    folder.mkdir()
    (home / ".continue").mkdir(parents=True)
    with scripted_node("Write", {"filepath": str(file), "content": "Hello from Crofter\n"}) as url:
        (home / ".continue" / "config.yaml").write_text(told("continue", url))
        said = run([str(programs / ".bin" / "cn"), "-p", "--auto", "Write hello.txt"], home, folder)
    assert SAID in said
    assert file.read_text() == "Hello from Crofter\n"


def test_cline_calls_a_tool_and_reads_its_result(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    home, folder, file = tmp_path / "home", tmp_path / "work", tmp_path / "work" / "hello.txt"
    folder.mkdir()
    program = str(installed(tmp_path_factory.mktemp("cline"), CLINE) / ".bin" / "cline")
    with scripted_node("editor", {"path": str(file), "new_text": "Hello from Crofter\n"}) as url:
        try:
            run([program, *shlex.split(told("cline", url))[1:]], home, folder)
            said = run([program, "--json", "Write hello.txt"], home, folder)
        finally:
            run([program, "hub", "stop"], home, folder)  # It leaves one running.
    assert SAID in said
    assert file.read_text() == "Hello from Crofter\n"


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
