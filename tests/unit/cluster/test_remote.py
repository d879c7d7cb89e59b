"""Answers by a peer that drives a route: who may read, who may compute, and that both are said."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import NamedTuple

import msgspec
import pytest

from crofter.cluster import ModelOffer, Offer, Offers, PeerAnswers
from crofter.core import (
    Chunk,
    CrofterError,
    ErrorCode,
    GenerationRequest,
    Model,
    ModelId,
    NodeId,
    RequestId,
    TextPrompt,
)
from crofter.network import MemoryNetwork
from crofter.trust import fingerprint
from tests.unit.cluster.routing import Node, running

pytestmark = pytest.mark.anyio
BIG = ModelId("b" * 64)


@pytest.fixture
def anyio_backend() -> str:
    """By the clock of the machine: offers are read in threads, which virtual time does not wait for."""
    return "asyncio"


MODEL = Model(model_id=BIG, name="big", context_length=512)
REQUEST = GenerationRequest(request_id=RequestId("test"), model="big", prompt=TextPrompt(text="Who reads this?"))


class Crowd(NamedTuple):
    asker: Node
    answers: PeerAnswers
    driver: Node
    helper: Node
    asked: list[GenerationRequest]
    """What the driver was asked."""


def offer(*, routes: bool = False, stage_bytes: int = 0) -> Offer:
    model = ModelOffer(
        model_id=BIG, name="big", architecture="llama", layer_count=9, size_bytes=9, context_length=512, routes=routes
    )
    return Offer(models=(model,) if routes else (), stage_bytes=stage_bytes)


@asynccontextmanager
async def crowd() -> AsyncGenerator[Crowd]:
    """The driver holds the model and memory; one other has memory, one has none."""
    asker, driver, helper, full = (Node(number) for number in range(1, 5))
    asked: list[GenerationRequest] = []

    async def answer(model_id: ModelId, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        assert model_id == BIG
        asked.append(request)
        yield Chunk(text="the driver", finish_reason="stop")

    async with running(MemoryNetwork(), asker, driver, helper, full):
        for node, own in ((driver, offer(routes=True, stage_bytes=5)), (helper, offer(stage_bytes=5)), (full, offer())):
            offers = Offers(node.peers, lambda: (asker.id,), lambda own=own: own)
            if node is driver:
                PeerAnswers(node.peers, offers, answer)
        offers = Offers(asker.peers, lambda: (driver.id, helper.id, full.id), Offer)
        await offers.refresh()
        yield Crowd(asker, PeerAnswers(asker.peers, offers, answer), driver, helper, asked)


async def test_the_way_says_who_reads_and_who_could_infer() -> None:
    async with crowd() as (_, answers, driver, helper, _asked):
        assert answers.ways(MODEL) == ()
        [way] = answers.over_routes(MODEL)
        assert (way.backend, way.radius) == ("peer", "trusted")
        assert way.readable_by == ("this node", fingerprint(driver.id))
        assert way.inferable_by == (fingerprint(helper.id),)
        assert way.ran_on == (fingerprint(driver.id), fingerprint(helper.id))


async def test_the_request_names_the_only_nodes_that_may_compute_and_no_more_than_the_way_says() -> None:
    async with crowd() as (asker, answers, _driver, helper, asked):
        [way] = answers.over_routes(MODEL)
        assert way.model is not None
        async with aclosing(answers.generate(way.model, REQUEST)) as stream:
            assert [chunk.text async for chunk in stream] == ["the driver"]
        assert asked[0].only_nodes == (asker.id, helper.id)


async def test_a_list_of_nodes_has_a_bound() -> None:
    async with crowd() as (_, answers, _driver, _helper, asked):
        [way] = answers.over_routes(MODEL)
        assert way.model is not None
        whole = msgspec.structs.replace(way.model, over_route=False)
        nodes = tuple(NodeId(bytes([number % 256]) * 32) for number in range(257))
        stream = answers.generate(whole, msgspec.structs.replace(REQUEST, only_nodes=nodes))
        with pytest.raises(CrofterError) as caught:
            await anext(stream)
        assert caught.value.code is ErrorCode.INVALID_REQUEST
        assert not asked
