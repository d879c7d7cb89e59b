"""The key of the store in a keyring, and on its way there and back."""

import sys
from pathlib import Path

import pytest
from keyring.backends.fail import Keyring as NoBackend

from crofter.core import CrofterError, ErrorCode
from crofter.store import KeyPlace, OsKeyring, move_store_key, store_key, store_key_place
from tests.keyrings import MemoryBackend, MemoryKeyring


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.key"


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend()


@pytest.fixture
def keyring(backend: MemoryBackend) -> MemoryKeyring:
    return MemoryKeyring(backend)


def test_a_key_that_moved_is_in_the_keyring_only_and_found_there(
    path: Path, backend: MemoryBackend, keyring: MemoryKeyring
) -> None:
    key = store_key(path)
    assert store_key_place(path) == "file"
    move_store_key(path, "keyring", keyring)
    assert store_key_place(path) == "keyring"
    assert store_key(path, keyring=keyring) == key
    assert key not in path.read_bytes()
    assert key.hex() not in path.read_text()
    assert list(backend.secrets.values()) == [key.hex()]
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_moves_back_and_leaves_nothing_there(path: Path, backend: MemoryBackend, keyring: MemoryKeyring) -> None:
    key = store_key(path)
    for place in ("keyring", "keyring", "file", "file"):
        move_store_key(path, place, keyring)
    assert path.read_bytes() == key
    assert backend.secrets == {}


def test_a_passphrase_holds_for_a_key_in_the_keyring_too(path: Path, keyring: MemoryKeyring) -> None:
    bound = store_key(path, "correct horse")
    move_store_key(path, "keyring", keyring)
    assert store_key(path, "correct horse", keyring=keyring) == bound


class Interrupted(MemoryKeyring):
    """Dies before the n-th thing it is asked, or after it has done it."""

    def __init__(self, backend: MemoryBackend, calls: int, *, done: bool) -> None:
        super().__init__(backend)
        self._left = calls
        self._done = done

    def get(self, name: str) -> str | None:
        self._count(done=False)
        found = super().get(name)
        self._count(done=True)
        return found

    def set(self, name: str, secret: str) -> None:
        self._count(done=False)
        super().set(name, secret)
        self._count(done=True)

    def delete(self, name: str) -> None:
        self._count(done=False)
        super().delete(name)
        self._count(done=True)

    def _count(self, *, done: bool) -> None:
        if done is not self._done:
            return
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("calls", [0, 1])
@pytest.mark.parametrize("place", ["keyring", "file"])
def test_wherever_a_move_stops_the_key_is_found_and_the_move_can_be_made_again(
    path: Path, backend: MemoryBackend, place: KeyPlace, calls: int, done: bool
) -> None:
    keyring = MemoryKeyring(backend)
    key = store_key(path)
    if place == "file":
        move_store_key(path, "keyring", keyring)
    with pytest.raises(KeyboardInterrupt):
        move_store_key(path, place, Interrupted(backend, calls, done=done))
    assert store_key(path, keyring=keyring) == key
    move_store_key(path, place, keyring)
    assert store_key_place(path) == place
    assert store_key(path, keyring=keyring) == key


class Forgetful(MemoryBackend):
    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password[::-1])


def test_a_keyring_that_keeps_something_else_is_not_relied_on(path: Path) -> None:
    key = store_key(path)
    with pytest.raises(CrofterError, match="did not give back"):
        move_store_key(path, "keyring", MemoryKeyring(Forgetful()))
    assert path.read_bytes() == key


def test_a_locked_keyring_says_what_to_do_and_changes_nothing(
    path: Path, backend: MemoryBackend, keyring: MemoryKeyring
) -> None:
    store_key(path)
    move_store_key(path, "keyring", keyring)
    kept = path.read_bytes()
    backend.locked = True
    for ask in (lambda: store_key(path, keyring=keyring), lambda: move_store_key(path, "file", keyring)):
        with pytest.raises(CrofterError, match="it is locked: unlock it") as caught:
            ask()
        assert caught.value.code is ErrorCode.STORE_FAILED
    assert path.read_bytes() == kept


def test_where_there_is_no_keyring_the_key_stays_in_its_file(path: Path) -> None:
    key = store_key(path)
    with pytest.raises(CrofterError, match="there is none"):
        move_store_key(path, "keyring", MemoryKeyring(NoBackend()))
    assert path.read_bytes() == key


@pytest.mark.parametrize("kept", [None, "00" * 32, "no key"])
def test_a_key_that_is_gone_or_another_is_never_made_anew(
    path: Path, backend: MemoryBackend, keyring: MemoryKeyring, kept: str | None
) -> None:
    store_key(path)
    move_store_key(path, "keyring", keyring)
    named = path.read_bytes()
    backend.secrets = {} if kept is None else dict.fromkeys(backend.secrets, kept)
    with pytest.raises(CrofterError, match="has no key") as caught:
        store_key(path, keyring=keyring)
    assert caught.value.code is ErrorCode.STORE_FAILED
    assert path.read_bytes() == named


@pytest.fixture
def in_child(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment whose processes find what this one finds."""
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, sys.path)))
    return monkeypatch


def test_a_keyring_that_waits_for_somebody_is_given_up(in_child: pytest.MonkeyPatch) -> None:
    in_child.setenv("PYTHON_KEYRING_BACKEND", "tests.keyrings.WaitingBackend")
    with pytest.raises(CrofterError, match="did not answer within 2 seconds"):
        OsKeyring(limit_seconds=2, may_prompt=False).get("a")


def test_the_owners_choice_of_a_keyring_is_asked_in_its_own_process(in_child: pytest.MonkeyPatch) -> None:
    in_child.setenv("PYTHON_KEYRING_BACKEND", "tests.keyrings.MemoryBackend")
    asked = OsKeyring(limit_seconds=60, may_prompt=False)
    assert asked.get("a") is None
    asked.set("a", "b")
    with pytest.raises(CrofterError, match=r"it failed \(not there\)"):
        asked.delete("a")  # each process has a memory of its own


def test_what_breaks_in_that_process_is_told(in_child: pytest.MonkeyPatch) -> None:
    in_child.setenv("PYTHON_KEYRING_BACKEND", "tests.nowhere.Keyring")
    with pytest.raises(CrofterError, match=r"No module named 'tests\.nowhere'"):
        OsKeyring(limit_seconds=60, may_prompt=False).get("a")


def test_without_the_extra_it_is_named(in_child: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "keyring.py").write_text("raise ModuleNotFoundError")
    in_child.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(filter(None, sys.path))}")
    with pytest.raises(CrofterError, match=r"pip install 'crofter\[keyring\]'"):
        OsKeyring(limit_seconds=60, may_prompt=False).get("a")
