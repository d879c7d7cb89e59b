import stat
import subprocess
import sys
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, RunningNode

NODE = RunningNode(pid=1, url="http://127.0.0.1:7411", administrator_token="t", started_at=0.0, version="0")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_are_private(home: Home) -> None:
    for folder in (home.root, home.models_folder, home.logs_folder, home.run_folder):
        assert mode(folder) == 0o700


def test_the_announcement_is_private_and_gone_afterwards(home: Home) -> None:
    with home.lock(), home.announced(NODE):
        assert mode(home.running_file) == 0o600
        assert home.running() == NODE
    assert not home.running_file.exists()
    assert home.running() is None


def test_a_second_node_is_refused_and_told_where_the_first_is(home: Home) -> None:
    with home.lock(), home.announced(NODE):
        with pytest.raises(CrofterError) as refused, home.lock():
            pass
        assert home.running() == NODE
    assert refused.value.code is ErrorCode.CONFLICT
    assert NODE.url in refused.value.message


def test_what_a_killed_node_left_is_not_a_running_node(home: Home) -> None:
    script = (
        "import os, sys; from pathlib import Path; from crofter.node import Home, RunningNode\n"
        "home = Home(Path(sys.argv[1]))\n"
        "with home.lock(), home.announced(RunningNode(pid=1, url='u', administrator_token='t', started_at=0.0, version='0')):\n"
        "    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(home.root)], check=False, timeout=30)
    assert home.running_file.exists()
    assert home.running() is None
    with home.lock():
        assert not home.running_file.exists()


def test_a_half_written_announcement_is_no_node(home: Home) -> None:
    with home.lock():
        home.running_file.write_bytes(b'{"pid":')
        assert home.running() is None


def test_a_home_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CrofterError) as refused:
        Home(tmp_path / "file" / "home").prepare()
    assert refused.value.code is ErrorCode.STORE_FAILED
    assert "--home" in refused.value.message


def test_the_flag_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROFTER_HOME", str(tmp_path / "environment"))
    assert Home.from_environment().root == tmp_path / "environment"
    assert Home.from_environment(str(tmp_path / "flag")).root == tmp_path / "flag"
