import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import pytest

from crofter.cli import start
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, RunningNode

NODE = RunningNode(pid=1, url="http://127.0.0.1:7411", administrator_token="t", started_at=0.0, version="0")


class HandedOver(BytesIO):
    """Standard input that can be looked at when it is closed."""

    text = b""

    def close(self) -> None:
        self.text = self.text or self.getvalue()
        super().close()


class FakeProcess:
    """A node that is up, or gone, as soon as it is started."""

    def __init__(self, home: Home, stack: ExitStack, says: bytes) -> None:
        self._home, self._stack, self._says = home, stack, says
        self.commands: list[Sequence[str]] = []
        self.stdin = HandedOver()

    def __call__(self, command: Sequence[str], **_: object) -> "FakeProcess":
        self.commands.append(command)
        if self._says:
            self._home.start_log_file.write_bytes(self._says)
        else:
            self._stack.enter_context(self._home.lock())
            self._stack.enter_context(self._home.announced(NODE))
        return self

    def poll(self) -> int | None:
        return 1 if self._says else None


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_started_node_is_found_by_its_announcement(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        process = FakeProcess(home, stack, b"")
        monkeypatch.setattr(subprocess, "Popen", process)
        assert start.start_detached(home, ["--port", "0"]) == NODE
    assert process.commands[0][-4:] == ["up", "--background", "--port", "0"]


def test_a_passphrase_goes_by_the_pipe_and_not_by_the_command(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        process = FakeProcess(home, stack, b"")
        monkeypatch.setattr(subprocess, "Popen", process)
        assert start.start_detached(home, (), "secret") == NODE
    assert process.commands[0][-1] == "--passphrase-from-stdin"
    assert "secret" not in process.commands[0]
    assert process.stdin.text == b"secret\n"


def test_a_node_that_ends_at_once_is_quoted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        monkeypatch.setattr(subprocess, "Popen", FakeProcess(home, stack, b"error: the port is taken\n"))
        with pytest.raises(CrofterError) as raised:
            start.start_detached(home, ())
    assert raised.value.code is ErrorCode.NODE_NOT_RUNNING
    assert "the port is taken" in raised.value.message


def test_a_node_that_runs_already_is_used(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.prepare()
    process = FakeProcess(home, ExitStack(), b"never")
    monkeypatch.setattr(subprocess, "Popen", process)
    with home.lock(), home.announced(NODE):
        assert start.start_detached(home, ()) == NODE
    assert process.commands == []
