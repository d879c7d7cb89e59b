"""LangChain and LlamaIndex with Crofter in them: typed, and through their own standard tests where they have some, on a real node."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.environments import ROOT, environment_with
from tests.e2e.commands import Commands

pytestmark = pytest.mark.slow

CLIENT = ("anyio", "httpx2", "msgspec", "platformdirs")
"""What crofter.client needs; the rest of Crofter is not there."""
FRAMEWORKS = (
    "langchain-core==1.7.2",
    "langchain-tests==1.1.9",
    "llama-index-core==0.14.25",
    "pytest-asyncio>=1.5",
)
SUITES = ROOT / "tests" / "clients" / "suites"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment_with(tmp_path_factory.mktemp("frameworks") / "environment", *CLIENT, *FRAMEWORKS)


@pytest.mark.parametrize("suite", ["langchain", "llama_index"])
def test_the_suite_passes_on_a_node(programs: Path, node: Commands, tmp_path: Path, suite: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT / "src"),
        "CROFTER_URL": node.running()["url"],
    }
    settings = ["-c", str(SUITES / "pytest.ini"), "--rootdir", str(SUITES)]
    command = [str(programs / "python"), "-m", "pytest", "-q", *settings, str(SUITES / f"{suite}_suite.py")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_what_is_ours_is_typed_against_them(programs: Path) -> None:
    checker = Path(sys.executable).parent / "basedpyright"
    command = [str(checker), "-p", str(SUITES / "pyrightconfig.json"), "--pythonpath", str(programs / "python")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout


def test_without_the_extra_the_import_says_what_to_install() -> None:
    for name, extra in (("langchain", "langchain"), ("llama_index", "llama-index")):
        code = f"import crofter.integrations.{name}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert f"pip install 'crofter[{extra}]'" in done.stderr
