import os
import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.store import (
    can_give_back,
    files,
    give_back,
    new_file,
    read_blocks,
    read_range,
    remove_leftovers,
    write_atomically,
)


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
    """A file of several blocks."""
    monkeypatch.setattr(files, "_BLOCK_BYTES", 1000)
    path = tmp_path / "source"
    path.write_bytes(os.urandom(4500))
    return path


def test_a_new_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "to" / "kept"
    with new_file(path, 6) as file:
        file.write(b"content")
        assert not path.exists()
    assert os.listdir(path.parent) == ["kept"]
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_new_file_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    def give_up() -> None:
        with new_file(tmp_path / "to" / "kept", 7) as file:
            file.write(b"content")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert os.listdir(tmp_path / "to") == []


def test_too_little_space_is_said_with_figures_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: Usage(9000, 5000, 4000))
    with (
        pytest.raises(CrofterError, match=r"4,500 bytes.*4,000 are free") as caught,
        new_file(tmp_path / "to" / "kept", 4500),
    ):
        pytest.fail("there is no room")
    assert caught.value.code is ErrorCode.DISK_FULL
    assert os.listdir(tmp_path / "to") == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with new_file(tmp_path / "to" / "kept", 4500) as file:
            file.write(bytes(4500))

    with largest_file(2500), pytest.raises(CrofterError) as caught:
        write()
    assert caught.value.code is ErrorCode.DISK_FULL
    assert os.listdir(tmp_path / "to") == []


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "to"
    with new_file(target / "kept", 7) as file:
        (left,) = target.iterdir()
        os.link(left, target / f".{'0' * 16}.incoming")
        file.write(b"content")
    (target / ".hidden").touch()
    assert len(os.listdir(target)) == 3
    assert remove_leftovers(target) == 1
    assert sorted(os.listdir(target)) == [".hidden", "kept"]
    assert remove_leftovers(tmp_path / "absent") == 0


def test_a_range_is_read_in_blocks_and_must_be_there(source: Path) -> None:
    blocks = list(read_range(source, 500, 2200))
    assert [len(block) for block in blocks] == [1000, 1000, 200]
    assert b"".join(blocks) == source.read_bytes()[500:2700]
    with pytest.raises(CrofterError, match="ended too early") as caught:
        list(read_range(source, 4000, 501))
    assert caught.value.code is ErrorCode.MODEL_INVALID


def test_a_part_given_back_reads_as_zeros_and_takes_no_disk(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1 << 20))
    before = path.stat().st_blocks
    if not can_give_back(tmp_path):
        assert not give_back(path, 0, 1 << 19)
        return
    assert give_back(path, 4096, 1 << 19)
    assert path.stat().st_blocks <= before - (1 << 19) // 512
    assert path.stat().st_size == 1 << 20
    assert path.read_bytes()[4096 : 4096 + (1 << 19)] == bytes(1 << 19)
    assert os.listdir(tmp_path) == ["file"]


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
