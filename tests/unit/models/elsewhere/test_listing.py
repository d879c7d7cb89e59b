import errno
from pathlib import Path

import pytest

from crofter.models.elsewhere import listing


def test_another_users_folder_is_named_with_what_lets_this_user_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(Path, "owner", lambda self: "ollama")
    monkeypatch.setattr(Path, "group", lambda self: "ollama")
    tmp_path.chmod(0o750)
    text = listing.unreadable(tmp_path / "models", denied)
    assert "belongs to the user ollama" in text
    assert "usermod -aG ollama" in text
    tmp_path.chmod(0o700)
    assert f"chmod -R o+rX {tmp_path}" in listing.unreadable(tmp_path / "models", denied)
    assert "Input/output" in listing.unreadable(tmp_path, OSError(errno.EIO, "Input/output error"))


def test_a_walk_ends_after_so_many_files_and_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    remarks: list[str] = []
    assert [place.name for place, _ in listing.walk(tmp_path, remarks.append, 2)] == [tmp_path.name, "a", "b"]
    assert remarks == []
    monkeypatch.setattr(listing, "MAXIMUM_ENTRIES", 1)
    assert len(list(listing.walk(tmp_path, remarks.append, 9))) == 1
    assert "not looked at" in remarks[0]
