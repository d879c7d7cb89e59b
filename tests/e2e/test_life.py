"""How a node starts, stops and dies."""

import os
import signal
from pathlib import Path

import psutil

from tests.e2e.commands import Commands


def workers_of(process_id: int) -> list[psutil.Process]:
    return psutil.Process(process_id).children(recursive=True)


def test_a_command_starts_the_node_and_down_stops_it(fresh: Commands) -> None:
    fresh.run("status", code=3)
    assert "starting the node" in fresh.run("ls").stderr
    assert fresh.json("status")["url"] == fresh.running()["url"]
    fresh.run("down")
    fresh.run("status", code=3)
    fresh.run("down", code=3)


def test_the_foreground_node_says_where_it_is_and_ends_on_ctrl_c(fresh: Commands) -> None:
    process = fresh.start("up")
    assert process.stderr is not None
    assert "Crofter is running at http://127.0.0.1:" in process.stderr.readline()
    assert "already running" in fresh.run("up", code=1).stderr
    assert "already running" in fresh.run("up", "-d").stderr
    fresh.run("ask", "Hello", "--max-tokens", "2")
    workers = workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert workers
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert process.communicate()[0] == ""


def test_sigterm_ends_the_node_in_order(fresh: Commands) -> None:
    fresh.run("up", "-d")
    node = psutil.Process(fresh.running()["pid"])
    node.terminate()
    node.wait(timeout=30)
    assert not (fresh.home / "run" / "node.json").exists()
    assert "node stopped" in fresh.run("logs").stdout


def test_a_killed_node_leaves_nothing_that_hinders_the_next(fresh: Commands) -> None:
    fresh.run("ask", "Hello", "--max-tokens", "2")
    running = fresh.running()
    workers = workers_of(running["pid"])
    os.kill(running["pid"], signal.SIGKILL)
    assert psutil.wait_procs(workers, timeout=15)[1] == []
    fresh.run("status", code=3)
    fresh.run("ask", "Hello", "--max-tokens", "2")
    assert fresh.running()["pid"] != running["pid"]


def test_two_commands_that_both_start_a_node_share_one(fresh: Commands) -> None:
    processes = [fresh.start("ls") for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert all("seedling" in output for output in outputs)
    assert [process.returncode for process in processes] == [0, 0]


def test_a_taken_port_is_explained(fresh: Commands, tmp_path: Path) -> None:
    fresh.run("up", "-d")
    port = fresh.running()["url"].rpartition(":")[2]
    other = Commands(tmp_path / "other")
    assert "taken" in other.run("up", "--port", port, code=1).stderr
    assert "taken" in other.run("up", "-d", "--port", port, code=3).stderr


def test_a_wrong_setting_stops_the_start_and_names_itself(fresh: Commands) -> None:
    fresh.home.mkdir()
    (fresh.home / "config.toml").write_text("[api]\nprot = 1\n")
    assert "api.prot" in fresh.run("up", code=1).stderr
    assert "api.prot" in fresh.run("doctor", code=1).stdout
