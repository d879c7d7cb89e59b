"""`crofter swarm try`: real nodes on one machine, from nothing, that leave nothing behind."""

import signal
import time
from pathlib import Path

import pytest

from tests.e2e.commands import Commands
from tests.gguf_files import write_tiny_llama

pytestmark = pytest.mark.slow

NODES = ("ada", "bob", "cleo", "whole")


def left(commands: Commands) -> list[Path]:
    return sorted(path for path in (commands.home / "swarm").iterdir() if path.name != "lock")


def ended_by(commands: Commands, number: signal.Signals) -> int:
    """The exit code of a trial that gets a signal when its nodes run."""
    with commands.start("swarm", "try") as process:
        deadline = time.monotonic() + 60
        while len(list((commands.home / "swarm").glob("run-*/*/run/node.json"))) < len(NODES):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(number)
        process.communicate(timeout=60)
    return process.returncode


def running(commands: Commands) -> list[Commands]:
    """Nodes of trials that answer."""
    homes = [Commands(path.parents[1]) for path in (commands.home / "swarm").glob("run-*/*/run/node.json")]
    return [home for home in homes if home.json("status")["url"]]


def test_from_a_clean_install_the_model_that_came_along_runs_over_several_nodes(fresh: Commands) -> None:
    seen = fresh.json("swarm", "try", "--nodes", "3")
    assert seen["same"]
    assert seen["answer"]["text"] == seen["whole"]["text"] != ""
    assert seen["limit_bytes"] < seen["whole_bytes"]
    assert [node["name"] for node in seen["nodes"]] == ["ada", "bob", "cleo"]
    stages = seen["route"]["stages"]
    assert len(stages) == 2
    assert [stage["start"] for stage in stages] == [0, stages[0]["stop"]]
    where = seen["answer"]["provenance"]
    assert (where["backend"], where["readable_by"], len(where["inferable_by"])) == ("route", ["this node"], 2)
    assert seen["whole"]["provenance"]["backend"] == "local"
    assert left(fresh) == []


def test_an_installed_model_travels_to_nodes_that_stay_if_they_are_to(fresh: Commands, tmp_path: Path) -> None:
    path = write_tiny_llama(tmp_path / "big.gguf", layers=9, hidden=512, heads=8, kv_heads=4, context=512, name="Big")
    fresh.run("import", str(path), "--name", "big")
    done = fresh.run("swarm", "try", "big", "--ask", "the other one", "--keep")
    assert "word for word" in done.stderr
    assert 'asking ada: "the other one"' in done.stderr
    assert "the ends: words in and out  ada" in done.stdout
    kept = running(fresh)
    assert sorted(node.home.name for node in kept) == ["ada", "bob", "cleo"]
    [ada] = [node for node in kept if node.home.name == "ada"]
    assert ada.json("route", "ls")[0]["answers"] == 1
    assert "ended 3 nodes" in fresh.run("swarm", "down").stderr
    assert left(fresh) == []


def test_a_trial_that_is_ended_ends_its_nodes(fresh: Commands) -> None:
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)):
        assert ended_by(fresh, number) == code
        assert left(fresh) == []


def test_what_a_killed_trial_left_is_ended_by_the_next(fresh: Commands) -> None:
    assert ended_by(fresh, signal.SIGKILL) == -signal.SIGKILL
    assert len(running(fresh)) == len(NODES)
    assert "ended 4 nodes" in fresh.run("swarm", "down").stderr
    assert left(fresh) == []
    assert "no temporary nodes" in fresh.run("swarm", "down").stderr


def test_what_cannot_be_tried_is_refused_with_a_reason(fresh: Commands, tmp_path: Path) -> None:
    path = write_tiny_llama(tmp_path / "flat.gguf", layers=1, hidden=64, heads=2, kv_heads=2, context=512, name="Flat")
    fresh.run("import", str(path), "--name", "flat")
    assert "a larger model" in fresh.run("swarm", "try", "flat", code=1).stderr
    assert "nowhere" in fresh.run("swarm", "try", "nowhere", code=1).stderr
    assert left(fresh) == []
