"""The key of a real node in a real keyring: GNOME's, on a bus of the test's own. Skipped where it is not installed."""

import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.commands import Commands

pytestmark = pytest.mark.slow

NEEDED = ("dbus-daemon", "gnome-keyring-daemon")
LIMIT_SECONDS = 60


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[None]:
    """A session with an unlocked keyring, in this process's environment; it ends with the test."""
    if absent := [program for program in NEEDED if shutil.which(program) is None]:
        pytest.skip(f"{' and '.join(absent)} not installed (Debian: apt-get install gnome-keyring dbus)")
    pytest.importorskip("secretstorage")
    for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        (tmp_path / name).mkdir(mode=0o700)
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert bus.stdout is not None
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert daemon.stdin is not None
        daemon.stdin.write("a password\n")
        daemon.stdin.close()
        _wait_until_it_serves()
        yield
    finally:
        for process in (daemon, bus):
            process.terminate()
            process.wait(LIMIT_SECONDS)
        bus.stdout.close()


def _wait_until_it_serves() -> None:
    import secretstorage

    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        with closing(secretstorage.dbus_init()) as bus:
            try:
                if not secretstorage.Collection(bus).is_locked():
                    return
            except secretstorage.SecretStorageException:
                pass  # not there yet
        assert time.monotonic() < deadline, "the keyring does not come up"
        time.sleep(0.05)


def lock() -> None:
    """What the desktop does when its user leaves."""
    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        secretstorage.Collection(bus).lock()


def held() -> list[bytes]:
    """What the keyring has of Crofter's."""
    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        return [item.get_secret() for item in secretstorage.search_items(bus, {"service": "crofter"})]


def test_a_node_lives_with_its_key_in_the_keyring(desktop: None, tmp_path: Path) -> None:
    node = Commands(tmp_path / "home")
    try:
        node.run("up", "-d")
        secret = node.run("key", "create", "laptop").stdout.strip()
        assert "already runs" in node.run("key", "store", "--keyring", code=1).stderr
        node.run("down")
        key = (node.home / "store.key").read_bytes()
        assert node.json("key", "store", "--keyring") == {"place": "keyring"}
        assert held() == [key.hex().encode()]
        kept = [path for path in node.home.rglob("*") if path.is_file()]
        assert all(key not in path.read_bytes() and key.hex().encode() not in path.read_bytes() for path in kept)

        node.run("up", "-d")
        [known] = node.json("key", "ls")
        assert secret.startswith(known["prefix"])
        node.run("down")

        lock()
        refused = node.run("up", "-d", code=3).stderr
        assert "it is locked: unlock it" in refused
        doctor = node.run("doctor", code=1).stdout
        assert "see to the keyring" in doctor
        node.environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={tmp_path}/nothing"
        assert "there is none to be reached" in node.run("key", "store", "--file", code=1).stderr
    finally:
        node.clean_up()


def test_a_key_comes_back_from_the_keyring(desktop: None, tmp_path: Path) -> None:
    node = Commands(tmp_path / "home")
    try:
        node.run("up", "-d")
        node.run("down")
        key = (node.home / "store.key").read_bytes()
        node.run("key", "store", "--keyring")
        assert node.json("key", "store", "--file") == {"place": "file"}
        assert (node.home / "store.key").read_bytes() == key
        assert held() == []
        node.run("up", "-d")
    finally:
        node.clean_up()
