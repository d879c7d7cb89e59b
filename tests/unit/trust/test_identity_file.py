import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.trust import export_identity, import_identity, make_identity, read_identity, reseal_identity


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "identity.key"


def code_of(call: Callable[[], object]) -> ErrorCode:
    with pytest.raises(CrofterError) as raised:
        call()
    return raised.value.code


def test_an_identity_is_made_for_its_owner_only_and_found_again(path: Path) -> None:
    made = make_identity(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_identity(path).open().node_id == made.node_id
    assert [kept.name for kept in path.parent.iterdir()] == ["identity.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_can_get_at_is_refused_and_left_as_it_is(path: Path, mode: int) -> None:
    make_identity(path)
    path.chmod(mode)
    with pytest.raises(CrofterError, match="chmod 600") as refused:
        read_identity(path)
    assert refused.value.code is ErrorCode.IDENTITY_UNUSABLE
    assert path.stat().st_mode & 0o777 == mode


def test_a_file_of_another_user_is_that_users_to_guard(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_identity(path)
    path.chmod(0o640)
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    assert read_identity(path).node_id == made.node_id


def test_what_is_not_there_and_what_cannot_be_read_are_told_apart(path: Path) -> None:
    assert code_of(lambda: read_identity(path)) is ErrorCode.NOT_FOUND
    path.mkdir(parents=True)
    assert code_of(lambda: read_identity(path)) is ErrorCode.IDENTITY_UNUSABLE


CRASH = """
import os, sys
from pathlib import Path
from crofter.trust import make_identity
steps = 0
def dying(call):
    def step(*arguments, **options):
        global steps
        steps += 1
        if steps == int(sys.argv[2]):
            os._exit(9)
        return call(*arguments, **options)
    return step
for name in ("open", "replace", "fsync", "close"):
    setattr(os, name, dying(getattr(os, name)))
make_identity(Path(sys.argv[1]))
print(steps)
"""


def test_a_kill_at_any_step_leaves_no_identity_or_the_only_one(tmp_path: Path) -> None:
    for step in range(1, 20):
        path = tmp_path / str(step) / "identity.key"
        done = subprocess.run([sys.executable, "-c", CRASH, str(path), str(step)], check=False, timeout=60)
        before = read_identity(path).node_id if path.exists() else None
        if before is None:
            make_identity(path)
        else:
            assert read_identity(path).open().node_id == before
        assert [kept.name for kept in path.parent.iterdir()] == ["identity.key"]
        if done.returncode == 0:
            assert step > 4
            return
    pytest.fail("it has more steps than this test knows")


def test_a_passphrase_is_set_changed_and_removed(path: Path) -> None:
    node_id = make_identity(path).node_id
    reseal_identity(path, None, "first")
    assert code_of(lambda: reseal_identity(path, "wrong", "second")) is ErrorCode.IDENTITY_LOCKED
    reseal_identity(path, "first", "second")
    assert code_of(lambda: read_identity(path).open("first")) is ErrorCode.IDENTITY_LOCKED
    reseal_identity(path, "second", None)
    assert read_identity(path).open().node_id == node_id
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_backup_is_sealed_private_and_never_overwritten(path: Path, tmp_path: Path) -> None:
    node_id = make_identity(path).node_id
    backup = tmp_path / "backup"
    assert code_of(lambda: export_identity(path, backup, None)) is ErrorCode.INVALID_REQUEST
    assert not backup.exists()
    export_identity(path, backup, "secret")
    assert backup.stat().st_mode & 0o777 == 0o600
    assert code_of(lambda: read_identity(backup).open()) is ErrorCode.IDENTITY_LOCKED
    assert read_identity(backup).open("secret").node_id == node_id
    content = backup.read_bytes()
    assert code_of(lambda: export_identity(path, backup, "other")) is ErrorCode.CONFLICT
    assert backup.read_bytes() == content


def test_a_backup_of_a_sealed_identity_keeps_its_passphrase(path: Path, tmp_path: Path) -> None:
    make_identity(path)
    reseal_identity(path, None, "own")
    export_identity(path, tmp_path / "backup", None)
    assert (tmp_path / "backup").read_bytes() == path.read_bytes()


def test_a_place_that_keeps_no_permissions_gets_no_backup(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_identity(path)
    reseal_identity(path, None, "own")
    real_open = os.open

    def careless(place: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = real_open(place, flags, mode)
        if flags & os.O_CREAT:
            os.fchmod(descriptor, 0o755)
        return descriptor

    monkeypatch.setattr(os, "open", careless)
    assert code_of(lambda: export_identity(path, tmp_path / "backup", None)) is ErrorCode.FORBIDDEN
    assert not (tmp_path / "backup").exists()


def test_an_import_keeps_every_identity_that_was_here(path: Path, tmp_path: Path) -> None:
    first = make_identity(path).content
    others = [make_identity(tmp_path / name / "identity.key") for name in ("a", "b")]
    assert (
        code_of(lambda: import_identity(path, tmp_path / "a" / "identity.key", None, replace=False))
        is ErrorCode.CONFLICT
    )
    assert path.read_bytes() == first
    for name in ("a", "b"):
        import_identity(path, tmp_path / name / "identity.key", None, replace=True)
    assert path.read_bytes() == others[1].content
    assert path.with_name("identity.key.1").read_bytes() == first
    assert path.with_name("identity.key.2").read_bytes() == others[0].content
    assert {kept.stat().st_mode & 0o777 for kept in path.parent.iterdir()} == {0o600}


def test_an_import_that_cannot_be_opened_changes_nothing(path: Path, tmp_path: Path) -> None:
    first = make_identity(path).content
    make_identity(tmp_path / "other")
    export_identity(tmp_path / "other", tmp_path / "backup", "secret")
    for passphrase in (None, "wrong"):
        refused = code_of(lambda given=passphrase: import_identity(path, tmp_path / "backup", given, replace=True))
        assert refused is ErrorCode.IDENTITY_LOCKED
    (tmp_path / "backup").write_bytes(b"crofter identity 1\n{")
    assert (
        code_of(lambda: import_identity(path, tmp_path / "backup", "secret", replace=True))
        is ErrorCode.IDENTITY_UNUSABLE
    )
    assert {kept.name: kept.read_bytes() for kept in path.parent.iterdir()} == {"identity.key": first}


def test_a_backup_takes_the_place_of_a_damaged_identity(path: Path, tmp_path: Path) -> None:
    node_id = make_identity(path).node_id
    export_identity(path, tmp_path / "backup", "secret")
    path.write_bytes(b"garbage")
    import_identity(path, tmp_path / "backup", "secret", replace=True)
    assert read_identity(path).open("secret").node_id == node_id
    assert path.with_name("identity.key.1").read_bytes() == b"garbage"
