"""Who a node is, as its owner sees it: real nodes that are stopped, killed, copied and moved."""

import shutil
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from crofter.client import Client
from tests.e2e.commands import Commands


def kill(node: Commands) -> None:
    process = psutil.Process(node.running()["pid"])
    process.kill()
    process.wait(timeout=30)


def test_the_identity_is_the_same_with_and_without_a_node_and_after_a_kill(fresh: Commands) -> None:
    assert "crofter up" in fresh.run("id", code=1).stderr
    fresh.run("up", "-d")
    identity = fresh.json("id")
    running = fresh.running()
    with Client(running["url"], running["administrator_token"]) as client:
        assert client.admin.identity().id == identity["id"]
    assert identity["fingerprint"] in fresh.run("doctor").stdout
    kill(fresh)
    assert fresh.json("id") == identity
    fresh.run("up", "-d")
    assert fresh.json("id") == identity


def test_only_the_owner_may_ask_over_http(fresh: Commands) -> None:
    fresh.run("up", "-d")
    address = f"{fresh.running()['url']}/crofter/v1/identity"
    assert httpx2.get(address).status_code == 401
    for scope, status in (("inference", 403), ("admin", 200)):
        secret = fresh.json("key", "create", scope, "--scope", scope)["secret"]
        assert httpx2.get(address, headers={"Authorization": f"Bearer {secret}"}).status_code == status


def test_a_qr_code_is_printed_below(fresh: Commands) -> None:
    fresh.run("up", "-d")
    lines = fresh.run("id", "--qr").stdout.splitlines()
    assert len(lines) > 20
    assert {len(line) for line in lines[3:]} == {41}


def test_a_copied_home_cannot_run_beside_the_original_and_can_after_its_death(fresh: Commands, tmp_path: Path) -> None:
    fresh.run("up", "-d")
    copy = Commands(tmp_path / "copy")
    shutil.copytree(fresh.home, copy.home)
    refused = copy.run("up", code=1).stderr
    assert str(fresh.home) in refused
    assert "One identity is one node" in refused
    kill(fresh)
    copy.run("up", "-d")
    try:
        assert copy.json("id") == fresh.json("id")
        assert str(copy.home) in fresh.run("up", code=1).stderr
    finally:
        copy.clean_up()


def test_a_moved_folder_moves_the_node(fresh: Commands, tmp_path: Path) -> None:
    fresh.run("up", "-d")
    identity = fresh.json("id")
    fresh.run("down")
    moved = Commands(fresh.home.rename(tmp_path / "moved"))
    moved.run("up", "-d")
    assert moved.json("id") == identity
    moved.run("down")


def test_a_backup_makes_another_folder_this_node(fresh: Commands, tmp_path: Path) -> None:
    fresh.run("up", "-d")
    identity, backup = fresh.json("id"), tmp_path / "backup.key"
    fresh.run("id", "export", str(backup), code=2)
    fresh.run("id", "export", str(backup), "--passphrase-from-stdin", text="secret\n")
    fresh.run("down")
    other = Commands(tmp_path / "other")
    other.run("up", "-d")
    before = other.json("id")
    give = ("id", "import", str(backup), "--passphrase-from-stdin")
    assert "already runs" in other.run(*give, "--replace", text="secret\n", code=1).stderr
    other.run("down")
    assert "--replace" in other.run(*give, text="secret\n", code=1).stderr
    other.run(*give, "--replace", text="wrong\n", code=4)
    assert other.json("id") == before
    other.run(*give, "--replace", text="secret\n")
    assert other.json("id") == identity
    assert (other.home / "identity.key.1").exists()
    other.run("id", "passphrase", "--remove", "--passphrase-from-stdin", text="secret\n")
    other.run("up", "-d")
    assert other.json("id") == identity
    other.run("down")


def test_a_passphrase_comes_from_standard_input_a_variable_or_a_file(fresh: Commands, tmp_path: Path) -> None:
    fresh.run("up", "-d")
    identity = fresh.json("id")
    fresh.run("id", "passphrase", "--passphrase-from-stdin", text="secret\n")
    fresh.run("down")
    assert "CROFTER_IDENTITY_PASSPHRASE" in fresh.run("up", code=4).stderr
    fresh.run("ls", code=4)
    assert "does not open" in fresh.run("up", "--passphrase-from-stdin", text="wrong\n", code=4).stderr
    fresh.run("up", "-d", "--passphrase-from-stdin", text="secret\n")
    fresh.run("down")
    (tmp_path / "kept").write_text("secret\n")
    for variable, value in (("PASSPHRASE_FILE", str(tmp_path / "kept")), ("PASSPHRASE", "secret")):
        fresh.environment[f"CROFTER_IDENTITY_{variable}"] = value
        fresh.run("up", "-d")
        assert fresh.json("id") == identity
        fresh.run("ask", "Hello", "--max-tokens", "2")
        for worker in psutil.Process(fresh.running()["pid"]).children(recursive=True):
            assert "CROFTER_IDENTITY_PASSPHRASE" not in worker.environ()
        fresh.run("down")
        del fresh.environment[f"CROFTER_IDENTITY_{variable}"]


def test_a_key_that_others_may_read_stops_the_start(fresh: Commands) -> None:
    fresh.run("up", "-d")
    fresh.run("down")
    (fresh.home / "identity.key").chmod(0o644)
    assert "chmod 600" in fresh.run("up", code=1).stderr
    assert "chmod 600" in fresh.run("doctor", code=1).stdout


@pytest.mark.slow
def test_first_starts_that_are_killed_never_change_who_the_node_is(fresh: Commands) -> None:
    """Killed a little later each time, from before the key is written to long after."""
    key, lock = fresh.home / "identity.key", fresh.home / "run" / "identity.lock"
    seen: set[bytes] = set()
    kills_before = kills_after = 0
    for number in range(30):
        if number % 10 == 0:
            # Somebody new, who has not been seen yet.
            shutil.rmtree(fresh.home, ignore_errors=True)
            seen.clear()
        lock.unlink(missing_ok=True)
        process = fresh.start("up", "--background")
        # This lock is made just before the key is.
        deadline = time.monotonic() + 60
        while not lock.exists():
            assert time.monotonic() < deadline
        time.sleep(number % 10 * 0.004)
        process.kill()
        process.communicate()
        if key.exists():
            seen.add(key.read_bytes())
        kills_before += not key.exists()
        kills_after += key.exists()
        assert len(seen) <= 1
    assert kills_before
    assert kills_after
    fresh.run("up", "-d")
    assert seen <= {key.read_bytes()}
    assert not list(fresh.home.glob(".*.incoming"))
