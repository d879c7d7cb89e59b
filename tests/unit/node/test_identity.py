import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.node import (
    Home,
    change_identity_passphrase,
    export_identity,
    given_passphrase,
    identity_has_passphrase,
    import_identity,
    stored_identity,
)
from crofter.node.identity import forget_given_passphrase, identity_values, load_identity, only_holder
from crofter.trust import Identity, identity_format, parse_node_id

ME = Identity(b"s" * 32)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state folder, and passphrases that cost little."""
    folder = tmp_path / "state"
    monkeypatch.setattr(platformdirs, "user_state_path", lambda name: folder / name)
    monkeypatch.setattr(identity_format, "_SCRYPT_LOG2_N", 10)
    return folder


def code_of(call: Callable[[], object]) -> ErrorCode:
    with pytest.raises(CrofterError) as raised:
        call()
    return raised.value.code


def test_the_first_start_makes_what_every_later_one_finds(home: Home) -> None:
    assert code_of(lambda: stored_identity(home)) is ErrorCode.NOT_FOUND
    assert not identity_has_passphrase(home.identity_file)
    made = load_identity(home, None)
    assert load_identity(home, None).seed == made.seed
    assert stored_identity(home) == identity_values(made.node_id)


def test_all_three_forms_name_the_same_key() -> None:
    shown = identity_values(ME.node_id)
    assert parse_node_id(shown.id) == parse_node_id(shown.did) == ME.node_id
    assert shown.fingerprint in shown.id


def test_a_moved_home_is_the_same_node(home: Home, tmp_path: Path) -> None:
    made = load_identity(home, None)
    moved = Home(home.root.rename(tmp_path / "elsewhere"))
    moved.prepare()
    assert load_identity(moved, None).node_id == made.node_id


def test_a_start_with_a_passphrase_needs_it(home: Home) -> None:
    node_id = load_identity(home, None).node_id
    change_identity_passphrase(home, None, "secret")
    assert identity_has_passphrase(home.identity_file)
    for wrong in (None, "wrong"):
        assert code_of(lambda given=wrong: load_identity(home, given)) is ErrorCode.IDENTITY_LOCKED
    assert load_identity(home, "secret").node_id == node_id


def test_nothing_can_be_exported_or_protected_before_there_is_an_identity(home: Home, tmp_path: Path) -> None:
    assert code_of(lambda: export_identity(home, tmp_path / "backup", "secret")) is ErrorCode.NOT_FOUND
    assert code_of(lambda: change_identity_passphrase(home, None, "secret")) is ErrorCode.NOT_FOUND


def test_an_import_waits_for_no_node_that_runs(home: Home, tmp_path: Path) -> None:
    node_id = load_identity(home, None).node_id
    export_identity(home, tmp_path / "backup", "secret")
    with home.lock():
        refused = code_of(lambda: import_identity(home, tmp_path / "backup", "secret", replace=True))
    assert refused is ErrorCode.CONFLICT
    fresh = Home(tmp_path / "fresh")
    assert import_identity(fresh, tmp_path / "backup", "secret", replace=False) == identity_values(node_id)


HOLD = """
import os, sys
from pathlib import Path
import platformdirs
from crofter.core import NodeId
from crofter.node import Home
from crofter.node.identity import only_holder
platformdirs.user_state_path = lambda name: Path(sys.argv[1]) / name
with only_holder(NodeId(bytes.fromhex(sys.argv[3])), Home(Path(sys.argv[2]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_of_a_key_is_refused_until_the_first_is_killed(home: Home, state: Path) -> None:
    arguments = [sys.executable, "-c", HOLD, str(state), "/the/first", ME.node_id.hex()]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(CrofterError, match="/the/first") as refused, only_holder(ME.node_id, home):
            pass
        assert refused.value.code is ErrorCode.CONFLICT
        with only_holder(Identity.make().node_id, home):
            pass
        first.kill()
    with only_holder(ME.node_id, home):
        pass


def test_without_a_place_for_the_lock_the_node_starts_and_says_so(
    home: Home, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state.write_text("no folder")
    with caplog.at_level(logging.WARNING, "crofter.node"), only_holder(ME.node_id, home):
        pass
    assert "would not be noticed" in caplog.text


def test_the_environment_gives_a_passphrase_or_the_file_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert given_passphrase() is None
    kept = tmp_path / "passphrase"
    kept.write_bytes(b"from \xffile\r\nnot this\n")
    monkeypatch.setenv("CROFTER_IDENTITY_PASSPHRASE_FILE", str(kept))
    assert given_passphrase() == os.fsdecode(b"from \xffile")
    monkeypatch.setenv("CROFTER_IDENTITY_PASSPHRASE", "from the variable")
    assert given_passphrase() == "from the variable"
    forget_given_passphrase()
    assert "CROFTER_IDENTITY_PASSPHRASE" not in os.environ
    kept.unlink()
    assert code_of(given_passphrase) is ErrorCode.CONFIG_INVALID
