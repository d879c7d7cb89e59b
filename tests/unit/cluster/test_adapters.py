"""Parts of adapters: cut by the requester, fetched by stages, checked, and kept within a bound."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from crofter.cluster import KINDS, Adapters, Hop, Route, adapters
from crofter.cluster.adapters import ADAPTER, AdapterWanted
from crofter.cluster.messages import AdapterPart
from crofter.core import AdapterUse, CrofterError, ErrorCode, ModelId, NodeId
from crofter.models import Header, read_header
from crofter.network import MemoryNetwork, Peers, Rules
from tests.gguf_files import write_tiny_llama
from tests.unit.cluster.routing import Node, running, slice_of
from tests.unit.models.slices.test_adapters import write_adapter

pytestmark = pytest.mark.anyio
LAYERS = 4
ENDS = slice_of(LAYERS, LAYERS)


@pytest.fixture
def anyio_backend() -> str:
    """Files are read in threads, which take real time."""
    return "asyncio"


@pytest.fixture
def model(tmp_path: Path) -> Header:
    return read_header(write_tiny_llama(tmp_path / "whole.gguf", layers=LAYERS))


@pytest.fixture
def lora(tmp_path: Path) -> AdapterUse:
    """Of the first two layers."""
    return AdapterUse(path=str(write_adapter(tmp_path / "lora.gguf", 2)), scale=0.5)


def route(*ranges: tuple[int, int]) -> Route:
    hops = tuple(
        Hop(node_id=NodeId(bytes(32)), slice_id=ModelId("slice"), start=start, stop=stop) for start, stop in ranges
    )
    return Route(hops=hops, width=64, source_layer_count=LAYERS, context_tokens=64, build="b", codec="f32")


def number_of(use: AdapterUse) -> int:
    """Of the file; 0 if there is none."""
    path = Path(use.path)
    return path.stat().st_ino if path.is_file() else 0


@asynccontextmanager
async def two(folder: Path, *, kept_bytes: int = 2**30) -> AsyncGenerator[tuple[Node, Adapters, Node, Adapters]]:
    asker, stage = Node(1), Node(2)
    async with running(MemoryNetwork(), asker, stage):
        yield (
            asker,
            Adapters(asker.id, asker.peers, folder / "asker"),
            stage,
            Adapters(stage.id, stage.peers, folder / "stage", kept_bytes),
        )


async def test_each_stage_gets_what_concerns_it_as_the_requester_cut_it(
    tmp_path: Path, model: Header, lora: AdapterUse
) -> None:
    async with two(tmp_path) as (asker, cutting, _, fetching):
        over, own = await cutting.over(model, ENDS, route((0, 1), (1, 2), (2, 4)), [lora])
        assert own == ()
        assert [len(hop.adapters) for hop in over.hops] == [1, 1, 0]
        for hop in over.hops[:2]:
            async with fetching.held(asker.id, hop.adapters) as [use]:
                assert use.scale == 0.5
                header = read_header(Path(use.path))
                assert {tensor.name for tensor in header.tensors} == {
                    "blk.0.attn_q.weight.lora_a",
                    "blk.0.attn_q.weight.lora_b",
                }
        again, _ = await cutting.over(model, ENDS, route((0, 1), (1, 2), (2, 4)), [lora])
        assert again == over


async def test_what_was_fetched_is_not_fetched_again(tmp_path: Path, model: Header, lora: AdapterUse) -> None:
    async with two(tmp_path) as (asker, cutting, _, fetching):
        over, _ = await cutting.over(model, ENDS, route((0, 4)), [lora])
        async with fetching.held(asker.id, over.hops[0].adapters) as [use]:
            first = number_of(use)
        for path in (tmp_path / "asker").iterdir():
            path.unlink()
        async with fetching.held(asker.id, over.hops[0].adapters) as [use]:
            assert number_of(use) == first


async def test_something_else_than_was_named_is_refused_and_leaves_nothing(
    tmp_path: Path, model: Header, lora: AdapterUse
) -> None:
    async with two(tmp_path) as (asker, cutting, _, fetching):
        over, _ = await cutting.over(model, ENDS, route((0, 4)), [lora])
        [part] = over.hops[0].adapters
        [path] = (tmp_path / "asker").iterdir()
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(CrofterError) as caught:
            async with fetching.held(asker.id, [part]):
                pass
        assert caught.value.code is ErrorCode.PEER_FAILED
        assert list((tmp_path / "stage").iterdir()) == []


async def test_only_what_was_cut_for_a_route_is_given(tmp_path: Path) -> None:
    async with two(tmp_path) as (asker, _, stage, _):
        stream = stage.peers.stream(asker.id, ADAPTER, AdapterWanted(adapter_id=bytes(32)), timeout_seconds=5)
        with pytest.raises(CrofterError) as caught:
            await anext(stream)
        assert caught.value.code is ErrorCode.NOT_FOUND


async def test_what_is_no_adapter_is_not_handed_on(tmp_path: Path, model: Header) -> None:
    with pytest.raises(CrofterError) as caught:
        adapters._require_adapter(model.path)  # pyright: ignore[reportPrivateUsage]  # a peer would have to lie
    assert caught.value.code is ErrorCode.MODEL_INVALID


async def test_the_oldest_go_when_there_is_no_room_but_what_is_used_stays(
    tmp_path: Path, model: Header, lora: AdapterUse
) -> None:
    async with two(tmp_path, kept_bytes=0) as (asker, cutting, _, fetching):
        over, _ = await cutting.over(model, ENDS, route((0, 1)), [lora])
        async with fetching.held(asker.id, over.hops[0].adapters) as [use]:
            other, _ = await cutting.over(model, ENDS, route((0, 2)), [lora])
            async with fetching.held(asker.id, other.hops[0].adapters) as [second]:
                assert number_of(use)
                assert number_of(second)
        third, _ = await cutting.over(model, ENDS, route((1, 2)), [lora])
        async with fetching.held(asker.id, third.hops[0].adapters):
            assert not number_of(use)


async def test_an_adapter_that_is_not_there_is_named(tmp_path: Path, model: Header) -> None:
    cutting = Adapters(
        NodeId(bytes(32)), Peers(Rules(mode="private", standing=lambda _: "trusted"), [], KINDS), tmp_path
    )
    with pytest.raises(CrofterError, match=r"none\.gguf"):
        await cutting.over(model, ENDS, route((0, 4)), [AdapterUse(path=str(tmp_path / "none.gguf"))])


def test_a_part_has_a_bound() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"adapter_id": bytes(32), "size_bytes": 2**30}, AdapterPart)
