import subprocess
import sys
from pathlib import Path

import click
import pytest

from crofter.cli import main
from crofter.cli.main import COMMANDS, crofter
from crofter.node import crofter_version

HEAVY = {
    "httpx2",
    "rich",
    "starlette",
    "uvicorn",
    "prompt_toolkit",
    "apsw",
    "llama_cpp",
    "numpy",
    "crofter.api",
    "crofter.node",
}


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom crofter.cli import main\nsys.argv = ['crofter', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\nprint('\\n'.join(sys.modules))"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert "Start the node." in output
    assert HEAVY.isdisjoint(output.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_exists_with_its_help(name: str) -> None:
    command = crofter.get_command(click.Context(crofter), name)
    assert command is not None
    assert command.name == name
    assert command.help


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *arguments: str) -> int:
    monkeypatch.setenv("CROFTER_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["crofter", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("command", [["status"], ["ps"], ["stop", "x"], ["down"]])
def test_commands_that_ask_a_node_exit_3_when_none_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert run(monkeypatch, tmp_path, *command) == 3
    captured = capsys.readouterr()
    assert "crofter up" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("arguments", [["frobnicate"], ["up", "--port", "x"], ["ask", "--temperature", "9", "hi"]])
def test_misuse_exits_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]) -> None:
    assert run(monkeypatch, tmp_path, *arguments) == 2


def test_version_is_data_on_stdout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, "version") == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == crofter_version()
    assert captured.err == ""


def test_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert crofter.main(["--version"], standalone_mode=False) == 0
    assert capsys.readouterr().out.strip() == crofter_version()
