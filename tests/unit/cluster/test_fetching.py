"""Layers from several places at once: whoever is free brings them, and another one where that fails."""

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from crofter.cluster.fetching import fetch_groups
from crofter.core import CrofterError, ErrorCode
from crofter.models import PartialModel, TensorGroup, read_header
from crofter.models.storage.manifest import manifest_id, manifest_of
from crofter.models.storage.partial import description_of
from crofter.models.storage.shards import group_data
from tests.gguf_files import write_tiny_llama

pytestmark = pytest.mark.anyio
LAYERS = [f"blk.{number}" for number in range(6)]


@pytest.fixture
def anyio_backend() -> str:
    """Files are written in threads, which virtual time does not see."""
    return "asyncio"


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "whole.gguf", layers=len(LAYERS))


@pytest.fixture
def partial(tmp_path: Path, whole: Path) -> PartialModel:
    header = read_header(whole)
    manifest = manifest_of(header, lambda _done, _total: None)
    return PartialModel.described(tmp_path / "parts", manifest_id(manifest), description_of(manifest, header))


class Somebody:
    """A supplier; `failures` times it says no, and `damage` is what it does to the bytes."""

    def __init__(self, whole: Path, *, failures: int = 0, damaged: bool = False) -> None:
        self._header = read_header(whole)
        self._failures = failures
        self._damaged = damaged
        self.asked: list[str] = []

    async def bring(self, model: PartialModel, group: TensorGroup, come: object) -> None:
        assert callable(come)
        self.asked.append(group.name)
        await anyio.lowlevel.checkpoint()
        if self._failures:
            self._failures -= 1
            raise CrofterError(ErrorCode.PEER_LOST, "gone")
        data = b"".join(group_data(group, self._header))[model.begun_bytes(group) :]
        model.add(group, bytes(len(data)) if self._damaged else data)
        come(len(data))


async def fetched(model: PartialModel, *suppliers: Somebody) -> int:
    come: list[int] = []
    groups = model.missing(LAYERS)
    await fetch_groups(model, groups, suppliers, come.append)
    assert model.missing(LAYERS) == []
    return sum(come)


async def test_all_bring_a_part_and_nothing_is_brought_twice(partial: PartialModel, whole: Path) -> None:
    one, other = Somebody(whole), Somebody(whole)
    size_bytes = sum(group.size_bytes for group in partial.missing(LAYERS))
    assert await fetched(partial, one, other) == size_bytes
    assert one.asked
    assert other.asked
    assert sorted([*one.asked, *other.asked]) == LAYERS


async def test_one_that_is_gone_is_left_alone_after_a_few_tries(partial: PartialModel, whole: Path) -> None:
    gone, other = Somebody(whole, failures=1000), Somebody(whole)
    await fetched(partial, gone, other)
    assert 1 <= len(gone.asked) <= 4
    assert sorted(other.asked) == LAYERS


async def test_wrong_bytes_of_one_are_replaced_by_another(partial: PartialModel, whole: Path) -> None:
    liar, other = Somebody(whole, damaged=True), Somebody(whole)
    await fetched(partial, liar, other)
    assert sorted(other.asked) == LAYERS


async def test_a_single_one_is_asked_again(partial: PartialModel, whole: Path) -> None:
    await fetched(partial, Somebody(whole, failures=2))


async def test_when_nobody_is_left_the_last_word_is_told_and_what_came_stays(
    partial: PartialModel, whole: Path
) -> None:
    groups = partial.missing(LAYERS)
    partial.add(groups[0], b"begun")
    with pytest.raises(CrofterError) as failed:
        await fetched(partial, Somebody(whole, failures=1000), Somebody(whole, failures=1000))
    assert failed.value.code is ErrorCode.PEER_LOST
    assert partial.begun_bytes(groups[0]) == 5
