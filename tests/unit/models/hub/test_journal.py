import os
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.hub import journal
from crofter.models.hub.journal import (
    KEPT_SECONDS,
    Identity,
    PartFile,
    forget_old,
    forget_other_contents,
    unfinished_bytes,
)
from tests.unit.store.test_files import largest_file

IDENTITY = Identity(content="c" * 64, size_bytes=1000, repository="org/repo", file="m.gguf")


def test_what_was_kept_is_there_after_a_restart_and_nothing_else(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "key", IDENTITY)
    part.write(b"a" * 300, 100)
    part.keep((100, 400))
    part.write(b"b" * 100, 400)  # never kept
    part.tagged('"tag"')
    part.close()
    again = PartFile(tmp_path, "key", IDENTITY)
    assert again.done == [(100, 400)]
    assert again.identity.tag == '"tag"'
    again.keep((400, 500))
    assert again.done == [(100, 500)]
    again.close()
    assert (tmp_path / "key.part").read_bytes()[100:400] == b"a" * 300
    assert (tmp_path / "key.part").stat().st_mode & 0o777 == 0o600
    assert unfinished_bytes(tmp_path, "key") > 0
    assert unfinished_bytes(tmp_path, "other") == 0


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_torn_line_costs_only_itself(tmp_path: Path, cut: int) -> None:
    part = PartFile(tmp_path, "key", IDENTITY)
    part.keep((0, 100))
    part.keep((100, 250))
    part.close()
    file = tmp_path / "key.journal"
    torn = file.read_bytes()[:-cut]
    file.write_bytes(torn)
    again = PartFile(tmp_path, "key", IDENTITY)
    assert again.done in ([(0, 100)], [])
    again.keep((700, 800))
    again.close()
    assert (700, 800) in PartFile(tmp_path, "key", IDENTITY).done


def test_a_flipped_byte_ends_the_journal_there(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "key", IDENTITY)
    part.keep((0, 100))
    part.close()
    file = tmp_path / "key.journal"
    file.write_bytes(file.read_bytes().replace(b"0 100", b"0 900"))
    assert PartFile(tmp_path, "key", IDENTITY).done == []


@pytest.mark.parametrize("change", ["content", "size", "shorter file", "garbage"])
def test_other_content_or_a_damaged_part_starts_anew(tmp_path: Path, change: str) -> None:
    part = PartFile(tmp_path, "key", IDENTITY)
    part.write(b"old", 0)
    part.keep((0, 3))
    part.close()
    identity = IDENTITY
    match change:
        case "content":
            identity = Identity(content="d" * 64, size_bytes=1000, repository="org/repo", file="m.gguf")
        case "size":
            identity = Identity(content="c" * 64, size_bytes=2000, repository="org/repo", file="m.gguf")
        case "shorter file":
            os.truncate(tmp_path / "key.part", 10)
        case _:
            (tmp_path / "key.journal").write_bytes(os.urandom(500))
    again = PartFile(tmp_path, "key", identity)
    assert again.done == []
    assert (tmp_path / "key.part").read_bytes() == bytes(identity.size_bytes)


def test_starting_anew_forgets_bytes_and_tag(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "key", IDENTITY)
    part.tagged("x")
    part.keep((0, 10))
    part.start_anew()
    assert (part.done, part.identity.tag) == ([], "")
    part.close()
    assert PartFile(tmp_path, "key", IDENTITY).done == []


def test_deleting_leaves_nothing(tmp_path: Path) -> None:
    PartFile(tmp_path, "key", IDENTITY).delete()
    assert os.listdir(tmp_path) == []


def test_a_disk_that_cannot_hold_it_is_said_before_the_first_byte(tmp_path: Path) -> None:
    identity = Identity(content="c" * 64, size_bytes=1 << 50, repository="org/repo", file="m.gguf")
    with pytest.raises(CrofterError, match="is full") as caught:
        PartFile(tmp_path, "key", identity)
    assert caught.value.code is ErrorCode.DISK_FULL


def test_a_disk_that_fills_up_later_is_said_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_allocate", lambda descriptor, size_bytes: None)
    part = PartFile(tmp_path, "key", IDENTITY)
    with largest_file(500), pytest.raises(CrofterError, match="kept") as caught:
        part.write(b"x" * 1000, 0)
    assert caught.value.code is ErrorCode.DISK_FULL


def test_what_nobody_went_on_with_for_a_month_goes(tmp_path: Path) -> None:
    for key in ("old", "new"):
        PartFile(tmp_path, key, IDENTITY).close()
    for name in ("old.part", "old.journal"):
        os.utime(tmp_path / name, (0, 1_000_000))
    os.utime(tmp_path / "new.part", (0, 2_000_000))
    os.utime(tmp_path / "new.journal", (0, 2_000_000))
    forget_old(tmp_path, 1_000_001 + KEPT_SECONDS)
    assert sorted(os.listdir(tmp_path)) == ["new.journal", "new.part"]
    forget_old(tmp_path / "absent", 0.0)


def test_an_older_content_of_the_same_file_is_not_left_lying(tmp_path: Path) -> None:
    for key, file in (("old", "m.gguf"), ("new", "m.gguf"), ("busy", "m.gguf"), ("else", "n.gguf")):
        PartFile(tmp_path, key, Identity(content=key, size_bytes=10, repository="org/repo", file=file)).close()
    forget_other_contents(tmp_path, IDENTITY, {"new", "busy"})
    assert {path.stem for path in tmp_path.iterdir()} == {"else", "new", "busy"}
