"""Turns: what they tell, how they end, and how the node waits for them."""

from contextlib import aclosing

import anyio
import msgspec
import pytest

from crofter.core import (
    Chunk,
    CrofterError,
    EmbeddingRequest,
    ErrorCode,
    GenerationRequest,
    RequestId,
    TextPrompt,
)
from crofter.router import Router, Turn
from tests.fakes import MODEL, FakeBackend, FakeResolver

pytestmark = pytest.mark.anyio

REQUEST = GenerationRequest(request_id=RequestId("r1"), model="", prompt=TextPrompt(text="x"))


def router_with(backend: FakeBackend) -> Router:
    return Router(FakeResolver(), [backend])


async def texts(turn: Turn) -> list[str]:
    async with aclosing(turn.chunks()) as chunks:
        return [chunk.text async for chunk in chunks]


async def code_of(turn: Turn) -> ErrorCode:
    with pytest.raises(CrofterError) as caught:
        await texts(turn)
    return caught.value.code


async def test_turn_carries_the_answer_and_where_it_came_from() -> None:
    turn = await router_with(FakeBackend()).open(REQUEST)
    assert turn.model == MODEL
    assert turn.provenance.backend == "fake"
    assert turn.provenance.radius == "local"
    assert turn.provenance.reason
    assert "".join(await texts(turn)) == "Hello world"


async def test_unknown_model_is_refused() -> None:
    with pytest.raises(CrofterError) as caught:
        await router_with(FakeBackend()).open(msgspec.structs.replace(REQUEST, model="nonesuch"))
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND


async def test_closing_early_closes_the_backend_and_forgets_the_request() -> None:
    backend = FakeBackend()
    router = router_with(backend)
    turn = await router.open(REQUEST)
    async with aclosing(turn.chunks()) as chunks:
        await anext(chunks)
        assert router.active_count == 1
    assert backend.closed.is_set()
    assert router.active_count == 0


async def test_cancel_ends_a_waiting_turn() -> None:
    backend = FakeBackend(["wait"])
    router = router_with(backend)
    turn = await router.open(REQUEST)

    async def cancel() -> None:
        await backend.waiting.wait()
        turn.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(cancel)
        assert await code_of(turn) is ErrorCode.CANCELLED
    assert backend.closed.is_set()
    assert router.active_count == 0


async def test_cancel_before_the_start_ends_the_turn_too() -> None:
    turn = await router_with(FakeBackend()).open(REQUEST)
    turn.cancel()
    assert await code_of(turn) is ErrorCode.CANCELLED


async def test_time_limit_ends_a_turn() -> None:
    backend = FakeBackend(["wait"])
    turn = await router_with(backend).open(msgspec.structs.replace(REQUEST, timeout_seconds=0.001))
    assert await code_of(turn) is ErrorCode.TIMED_OUT
    assert backend.closed.is_set()


async def test_answer_without_an_end_is_an_error() -> None:
    turn = await router_with(FakeBackend([Chunk(text="half")])).open(REQUEST)
    assert await code_of(turn) is ErrorCode.WORKER_FAILED


async def test_cancelled_choice_is_never_shown_as_finished() -> None:
    turn = await router_with(FakeBackend([Chunk(finish_reason="cancelled")])).open(REQUEST)
    assert await code_of(turn) is ErrorCode.CANCELLED


async def test_drain_lets_running_requests_finish_and_refuses_new_ones() -> None:
    router = router_with(FakeBackend())
    turn = await router.open(REQUEST)
    remaining: list[int] = []

    async def drain() -> None:
        remaining.append(await router.drain(10))

    async with anyio.create_task_group() as group, aclosing(turn.chunks()) as chunks:
        await anext(chunks)
        group.start_soon(drain)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(CrofterError) as caught:
            await router.open(REQUEST)
        assert caught.value.code is ErrorCode.SHUTTING_DOWN
        async for _ in chunks:
            pass
    assert remaining == [0]


async def test_drain_cancels_what_does_not_finish_in_time() -> None:
    backend = FakeBackend(["wait"])
    router = router_with(backend)
    turn = await router.open(REQUEST)
    codes: list[ErrorCode] = []

    async def run() -> None:
        codes.append(await code_of(turn))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await backend.waiting.wait()
        assert await router.drain(0) == 1
    assert codes == [ErrorCode.CANCELLED]


async def test_same_id_cannot_run_twice() -> None:
    router = router_with(FakeBackend())
    first, second = await router.open(REQUEST), await router.open(REQUEST)
    async with aclosing(first.chunks()) as chunks:
        await anext(chunks)
        assert await code_of(second) is ErrorCode.CONFLICT


async def test_embeddings_are_counted_limited_and_placed() -> None:
    class Slow(FakeBackend):
        async def embed(self, model: object, request: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] never returns
            await anyio.sleep_forever()

    request = EmbeddingRequest(request_id=RequestId("e1"), model="", inputs=(TextPrompt(text="x"),))
    result, provenance = await router_with(FakeBackend()).embed(request)
    assert len(result.vectors) == 1
    assert provenance.model_name == MODEL.name
    with pytest.raises(CrofterError) as caught:
        await router_with(Slow()).embed(request, timeout_seconds=0.001)
    assert caught.value.code is ErrorCode.TIMED_OUT


async def test_tokens_of_a_prompt() -> None:
    assert await router_with(FakeBackend()).tokenize("", TextPrompt(text="ab")) == [97, 98]
