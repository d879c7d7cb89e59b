from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.store import store_key


def test_a_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    key = store_key(tmp_path / "home" / "store.key")
    assert len(key) == 32
    assert store_key(tmp_path / "home" / "store.key") == key
    assert store_key(tmp_path / "other.key") != key


def test_the_file_is_for_the_owner_only_and_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    store_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    store_key(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_passphrase_changes_the_key_and_is_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    plain = store_key(path)
    bound = store_key(path, "correct horse")
    assert len(bound) == 32
    assert bound == store_key(path, "correct horse")
    assert len({plain, bound, store_key(path, "wrong horse")}) == 3
    assert path.read_bytes() == plain


def test_a_file_left_empty_by_a_kill_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    path.touch()
    assert store_key(path) == path.read_bytes() != b""


@pytest.mark.parametrize("content", [b"short", b"x" * 33])
def test_a_damaged_key_is_never_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.key"
    path.write_bytes(content)
    with pytest.raises(CrofterError, match="damaged") as caught:
        store_key(path)
    assert caught.value.code is ErrorCode.STORE_FAILED
    assert path.read_bytes() == content


def test_an_unusable_place_is_an_explained_error(tmp_path: Path) -> None:
    (tmp_path / "store.key").mkdir()
    with pytest.raises(CrofterError) as caught:
        store_key(tmp_path / "store.key")
    assert caught.value.code is ErrorCode.STORE_FAILED
