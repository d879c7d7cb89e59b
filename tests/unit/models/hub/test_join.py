import functools
from pathlib import Path

import gguf
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models import read_facts, read_header
from crofter.models.hub.join import join_parts
from tests.gguf_files import write_tiny_llama


def ignore(_done: int, _total: int) -> None:
    pass


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "whole.gguf")


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setattr(gguf, "GGUFWriter", functools.partial(gguf.GGUFWriter, split_max_tensors=8))
    (tmp_path / "split").mkdir()
    write_tiny_llama(tmp_path / "split" / "m.gguf")
    found = sorted((tmp_path / "split").iterdir())
    assert [path.name for path in found] == [f"m-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    return found


def test_the_joined_model_is_the_whole_one(whole: Path, parts: list[Path], tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    join_parts(parts, tmp_path / "joined.gguf", lambda done, total: steps.append((done, total)))
    joined = tmp_path / "joined.gguf"
    assert read_facts(joined) == read_facts(whole)
    first, second = read_header(joined), read_header(whole)
    assert first.metadata.keys() == second.metadata.keys()
    content, expected = joined.read_bytes(), whole.read_bytes()
    there = {each.name: content[each.offset : each.offset + each.size_bytes] for each in first.tensors}
    assert there == {each.name: expected[each.offset : each.offset + each.size_bytes] for each in second.tensors}
    assert steps[-1][0] == steps[-1][1]


def test_parts_that_do_not_belong_together_are_refused(parts: list[Path], tmp_path: Path) -> None:
    for wrong in (parts[:2], [parts[1], parts[0], parts[2]], [parts[0], parts[1], parts[1]]):
        with pytest.raises(CrofterError, match="belong together") as caught:
            join_parts(wrong, tmp_path / "joined.gguf", ignore)
        assert caught.value.code is ErrorCode.MODEL_INVALID
