import os
import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.store import copied_file, files, read_blocks, remove_leftovers, write_atomically


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def ignore(_first: object = None, _second: object = None) -> None:
    pass


@contextmanager
def largest_file(size_bytes: int) -> Generator[None]:
    """While it lasts, writing beyond `size_bytes` fails inside the kernel, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of several blocks, on a file system that cannot share them."""
    monkeypatch.setattr(files, "_BLOCK_BYTES", 1000)
    monkeypatch.setattr(files, "_share_blocks", lambda original, file: False)
    path = tmp_path / "source"
    path.write_bytes(os.urandom(4500))
    return path


def test_a_copy_is_whole_seen_once_and_reported(source: Path, tmp_path: Path) -> None:
    seen: list[bytes] = []
    steps: list[tuple[int, int]] = []
    with copied_file(source, tmp_path / "to", seen.append, lambda done, total: steps.append((done, total))) as copy:
        assert not (tmp_path / "to" / "kept").exists()
        copy.keep(tmp_path / "to" / "kept")
    assert os.listdir(tmp_path / "to") == ["kept"]
    assert (tmp_path / "to" / "kept").read_bytes() == source.read_bytes() == b"".join(seen)
    assert steps == [(1000, 4500), (2000, 4500), (3000, 4500), (4000, 4500), (4500, 4500)]


def test_sharing_blocks_gives_the_same_copy(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def share(original: files.BinaryIO, file: files.BinaryIO) -> bool:
        file.write(original.read())
        file.flush()
        return True

    monkeypatch.setattr(files, "_share_blocks", share)
    seen: list[bytes] = []
    with copied_file(source, tmp_path / "to", seen.append, ignore) as copy:
        copy.keep(tmp_path / "to" / "kept")
    assert (tmp_path / "to" / "kept").read_bytes() == source.read_bytes() == b"".join(seen)


def test_sharing_is_tried_and_its_refusal_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"content")
    with copied_file(tmp_path / "source", tmp_path, ignore, ignore) as copy:
        copy.keep(tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"content"


def test_a_copy_that_is_not_kept_leaves_nothing(source: Path, tmp_path: Path) -> None:
    with copied_file(source, tmp_path / "to", ignore, ignore):
        pass
    assert os.listdir(tmp_path / "to") == []


def test_a_cancelled_copy_leaves_nothing(source: Path, tmp_path: Path) -> None:
    def cancel(done: int, total: int) -> None:
        if done > 2000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), copied_file(source, tmp_path / "to", ignore, cancel):
        pytest.fail("the copy was cancelled")
    assert os.listdir(tmp_path / "to") == []


def test_too_little_space_is_said_with_figures_before_copying(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: Usage(9000, 5000, 4000))
    steps: list[int] = []
    with (
        pytest.raises(CrofterError, match=r"4,500 bytes.*4,000 are free") as caught,
        copied_file(source, tmp_path / "to", ignore, lambda done, total: steps.append(done)),
    ):
        pytest.fail("there is no room")
    assert caught.value.code is ErrorCode.DISK_FULL
    assert steps == []
    assert os.listdir(tmp_path / "to") == []


def test_a_disk_that_fills_up_during_the_copy_leaves_nothing(source: Path, tmp_path: Path) -> None:
    with (
        largest_file(2500),
        pytest.raises(CrofterError) as caught,
        copied_file(source, tmp_path / "to", ignore, ignore),
    ):
        pytest.fail("there is no room")
    assert caught.value.code is ErrorCode.DISK_FULL
    assert os.listdir(tmp_path / "to") == []


def test_a_source_that_changes_during_the_copy_is_refused(source: Path, tmp_path: Path) -> None:
    def grow(done: int, total: int) -> None:
        if done == 1000:
            with source.open("ab") as file:
                file.write(b"more")

    with pytest.raises(CrofterError) as caught, copied_file(source, tmp_path / "to", ignore, grow):
        pytest.fail("it changed")
    assert caught.value.code is ErrorCode.CONFLICT
    assert os.listdir(tmp_path / "to") == []


def test_what_a_killed_copy_left_is_removed_and_nothing_else(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "to"

    def survive(done: int, total: int) -> None:
        for path in list(target.iterdir()):
            if not (saved := tmp_path / path.name).exists():
                os.link(path, saved)

    with copied_file(source, target, ignore, survive) as copy:
        copy.keep(target / "kept")
    for path in tmp_path.glob(".*"):
        path.rename(target / path.name)
    (target / ".hidden").touch()
    assert len(os.listdir(target)) == 3
    assert remove_leftovers(target) == 1
    assert sorted(os.listdir(target)) == [".hidden", "kept"]
    assert remove_leftovers(tmp_path / "absent") == 0


def test_reading_blocks_shows_all_of_a_file(source: Path) -> None:
    seen: list[bytes] = []
    read_blocks(source, seen.append, ignore)
    assert b"".join(seen) == source.read_bytes()


def test_a_file_is_replaced_whole_and_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "run" / "node.json"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["node.json"]


def test_a_write_that_fails_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "node.json"
    write_atomically(path, b"old")
    with largest_file(1000), pytest.raises(CrofterError) as caught:
        write_atomically(path, b"x" * 5000)
    assert caught.value.code is ErrorCode.DISK_FULL
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["node.json"]
