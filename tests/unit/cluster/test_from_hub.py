"""Layers by ranges from a server that behaves like the hub."""

from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from crofter.cluster.fetching import fetch_groups
from crofter.cluster.from_hub import FromHub
from crofter.core import CrofterError, ErrorCode
from crofter.models import HubPlace, HubSettings, HubTensors, PartialModel, read_header
from crofter.models.storage.manifest import manifest_id, manifest_of
from crofter.models.storage.partial import description_of
from tests.fake_hub import COMMIT, FakeFile, FakeHub, FakeRepository
from tests.gguf_files import write_tiny_llama

pytestmark = pytest.mark.anyio
REPOSITORY = "org/model-GGUF"
LAYERS = ["blk.1", "blk.2", "blk.4"]


@pytest.fixture
def anyio_backend() -> str:
    """Files are written in threads, which virtual time does not see."""
    return "asyncio"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[FakeHub]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    content = write_tiny_llama(tmp_path / "m.gguf", hidden=256, layers=6).read_bytes()
    with FakeHub() as running:
        running.repositories[REPOSITORY] = FakeRepository({"m.gguf": FakeFile(content)})
        yield running


@pytest.fixture
def partial(tmp_path: Path, hub: FakeHub) -> PartialModel:
    header = read_header(tmp_path / "m.gguf")
    manifest = manifest_of(header, lambda _done, _total: None)
    return PartialModel.described(tmp_path / "parts", manifest_id(manifest), description_of(manifest, header))


@pytest.fixture
def supplier(hub: FakeHub) -> Generator[FromHub]:
    tensors = HubTensors(lambda _: None, lambda: HubSettings(endpoint=hub.endpoint), lambda: True, "test")
    remote = tensors.model(HubPlace(repository=REPOSITORY, revision=COMMIT, files=("m.gguf",)))
    assert remote is not None
    from_hub = FromHub(remote, lambda: 0)
    yield from_hub
    from_hub.close()


async def test_layers_come_without_the_rest_of_the_model(
    partial: PartialModel, supplier: FromHub, hub: FakeHub, tmp_path: Path
) -> None:
    come: list[int] = []
    groups = partial.missing(LAYERS)
    await fetch_groups(partial, groups, [supplier], come.append)
    assert partial.missing(LAYERS) == []
    assert sum(come) == sum(group.size_bytes for group in groups)
    assert hub.sent_bytes < (tmp_path / "m.gguf").stat().st_size


async def test_what_was_begun_is_gone_on_with(partial: PartialModel, supplier: FromHub, hub: FakeHub) -> None:
    [group] = partial.missing(["blk.2"])
    await supplier.bring(partial, group, lambda _: None)
    partial.finish(group)
    data = (partial._path(group)).read_bytes()
    partial.forget_groups(["blk.2"])
    partial.add(group, data[:-100])
    before = hub.sent_bytes
    await supplier.bring(partial, group, lambda _: None)
    partial.finish(group)
    assert hub.sent_bytes - before == 100


async def test_wrong_bytes_are_found_out_and_thrown_away(
    partial: PartialModel, supplier: FromHub, hub: FakeHub, tmp_path: Path
) -> None:
    file = hub.repositories[REPOSITORY].files["m.gguf"]
    tensors = {tensor.name: tensor for tensor in read_header(tmp_path / "m.gguf").tensors}
    place = tensors["blk.4.attn_q.weight"].offset
    file.served = file.content[:place] + bytes(8) + file.content[place + 8 :]
    [sound, wrong] = partial.missing(["blk.2", "blk.4"])
    with pytest.raises(CrofterError, match="another hash") as damaged:
        await fetch_groups(partial, [sound, wrong], [supplier], lambda _: None)
    assert damaged.value.code is ErrorCode.DOWNLOAD_DAMAGED
    assert partial.missing(["blk.2", "blk.4"]) == [wrong]
    assert partial.begun_bytes(wrong) == 0


async def test_one_that_is_waited_for_no_more_adds_nothing(
    partial: PartialModel, supplier: FromHub, hub: FakeHub
) -> None:
    [group] = partial.missing(["blk.2"])
    hub.bytes_per_second = 200_000
    begun = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(supplier.bring, partial, group, lambda _: begun.set())
        await begun.wait()
        tasks.cancel_scope.cancel()
    left = partial.begun_bytes(group)
    assert 0 < left < group.size_bytes
    hub.bytes_per_second = 0
    await supplier.bring(partial, group, lambda _: None)
    partial.finish(group)
