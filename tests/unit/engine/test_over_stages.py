"""An answer over stages is the answer of the whole model: the same text, tokens and logprobs."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable
from itertools import pairwise

import anyio
import numpy as np
import pytest

from crofter.core import (
    Chunk,
    CrofterError,
    EmbeddingRequest,
    ErrorCode,
    GenerationRequest,
    JsonSchema,
    RequestId,
    Sampling,
    SliceFile,
    TextPrompt,
)
from crofter.engine import Engine, MissingRowsError, Stage

from .conftest import Split, ask, collect, text_of, tokens_of, until
from .over_stages import collect_over, opened, route_over

pytestmark = pytest.mark.anyio
TALE = "Once there was a fox who wanted to see the sea. "
LONG = TALE * 110
"""More than two steps of 512 rows."""
REQUESTS = {
    "greedy": ask(TALE, max_tokens=40, top_logprobs=3),
    "a prompt longer than a batch": ask(LONG, max_tokens=12, top_logprobs=0),
    "a prompt of a batch and a bit": ask(TALE * 13, max_tokens=4, top_logprobs=2),
    "seeded sampling": ask(TALE, max_tokens=30, sampling=Sampling(seed=4, temperature=1.0), top_logprobs=2),
    "penalties": ask(
        TALE, max_tokens=30, sampling=Sampling(temperature=0.0, repetition_penalty=1.3, presence_penalty=0.5)
    ),
    "mirostat": ask(TALE, max_tokens=20, sampling=Sampling(seed=2, temperature=1.0, mirostat=2)),
    "a grammar": ask(
        TALE, max_tokens=60, constraint=JsonSchema(schema={"type": "array", "items": {"type": "integer"}})
    ),
    "a stop string": ask(TALE, max_tokens=60, stop=(" the",)),
    "no tokens at all": ask(TALE, max_tokens=0, echo=True),
}


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    return shared_engine


@pytest.fixture(scope="module")
async def stages(shared_engine: Engine, precise: Split) -> AsyncGenerator[list[Stage]]:
    async with opened(shared_engine, precise.parts) as stages:
        yield stages


def logprobs_of(chunks: list[Chunk]) -> list[float]:
    return [other.logprob for chunk in chunks for entry in chunk.logprobs for other in (entry, *entry.alternatives)]


def same(over: list[Chunk], whole: list[Chunk]) -> bool:
    assert logprobs_of(over) == logprobs_of(whole)
    assert (text_of(over), over[-1].finish_reason) == (text_of(whole), whole[-1].finish_reason)
    return tokens_of(over) == tokens_of(whole)


@pytest.mark.parametrize("name", REQUESTS)
async def test_the_answer_is_that_of_the_whole_model(
    engine: Engine, precise: Split, stages: list[Stage], name: str
) -> None:
    over = await collect_over(engine, precise.ends, stages, REQUESTS[name])
    assert same(over, await collect(engine, precise.whole, REQUESTS[name]))


@pytest.mark.parametrize("name", REQUESTS)
async def test_so_it_is_where_weights_are_quantised(engine: Engine, quantised: Split, name: str) -> None:
    async with opened(engine, quantised.parts) as stages:
        over = await collect_over(engine, quantised.ends, stages, REQUESTS[name])
    assert same(over, await collect(engine, quantised.whole, REQUESTS[name]))


@pytest.mark.parametrize("name", REQUESTS)
async def test_so_it_is_where_the_last_layer_stays_at_home(
    engine: Engine, precise: Split, stages: list[Stage], name: str
) -> None:
    over = await collect_over(engine, precise.private_ends, stages[:-1], REQUESTS[name])
    assert same(over, await collect(engine, precise.whole, REQUESTS[name]))


async def test_eight_at_once_with_the_last_layer_at_home(engine: Engine, precise: Split, stages: list[Stage]) -> None:
    requests = [ask(f"{number} {TALE * (1 + number % 3)}", max_tokens=24) for number in range(8)]
    alone = [tokens_of(await collect(engine, precise.whole, request)) for request in requests]
    together = await asyncio.gather(
        *(collect_over(engine, precise.private_ends, stages[:-1], request) for request in requests)
    )
    assert [tokens_of(chunks) for chunks in together] == alone


async def test_where_there_is_no_room_at_home_the_younger_waits_and_its_answer_stays_the_same(
    engine: Engine, make_engine: Callable[..., Engine], precise: Split, stages: list[Stage]
) -> None:
    requests = [ask(f"{number} {TALE * 6}", max_tokens=100, sampling=_LETTERS, top_logprobs=0) for number in range(3)]
    alone = [await collect(engine, precise.whole, request) for request in requests]
    released: list[int] = []
    async with make_engine(context_tokens=256) as small:
        together = await asyncio.gather(
            *(_over(small, precise.private_ends, request, stages, released) for request in requests)
        )
    # What it had written is read again in one go, which rounds otherwise than one by one.
    for over, whole in zip(together, alone, strict=True):
        assert np.allclose(logprobs_of(over), logprobs_of(whole), rtol=0.0, atol=0.02)
    assert len(released) > len(requests)


async def _over(
    engine: Engine, ends: SliceFile, request: GenerationRequest, stages: list[Stage], released: list[int]
) -> list[Chunk]:
    async with route_over(stages[:-1]) as route:
        chunks = [chunk async for chunk in engine.generate_over(ends, request, route)]
    released += route.released
    return chunks


async def test_choices_are_sessions_of_their_own(engine: Engine, precise: Split, stages: list[Stage]) -> None:
    request = ask(TALE, choices=2, max_tokens=20, sampling=Sampling(seed=9, temperature=1.0))
    async with route_over(stages) as route:
        over = [chunk async for chunk in engine.generate_over(precise.ends, request, route)]
    whole = await collect(engine, precise.whole, request)
    assert [tokens_of(over, choice) for choice in (0, 1)] == [tokens_of(whole, choice) for choice in (0, 1)]
    assert len(set(route.released)) == len(route.released) == 2
    assert over[-1].usage is not None
    assert over[-1].usage.completion_tokens == len(tokens_of(over)) + len(tokens_of(over, 1))


async def test_eight_at_once_are_those_given_alone(engine: Engine, precise: Split, stages: list[Stage]) -> None:
    requests = [ask(f"{number} {TALE * (1 + number % 3)}", max_tokens=24) for number in range(8)]
    alone = [tokens_of(await collect(engine, precise.whole, request)) for request in requests]
    together = await asyncio.gather(*(collect_over(engine, precise.ends, stages, request) for request in requests))
    assert [tokens_of(chunks) for chunks in together] == alone


async def test_a_long_prompt_goes_in_chunks_of_which_four_are_under_way(
    engine: Engine, precise: Split, stages: list[Stage]
) -> None:
    async with route_over(stages) as route, anyio.create_task_group() as tasks:
        route.may_return = asyncio.Event()
        tasks.start_soon(_read, engine.generate_over(precise.ends, ask(LONG, max_tokens=2), route))
        await until(lambda: len(route.forwarded) == 4)
        await engine.tokenize(precise.ends, TextPrompt(text="has had time to send more"))
        assert [rows.wanted for rows in route.forwarded] == [0] * 4
        route.may_return.set()
    prompt = route.forwarded[:-1]
    assert [rows.wanted for rows in prompt] == [0] * (len(prompt) - 1) + [1]
    places = [(rows.position, rows.position + rows.count) for rows in route.forwarded]
    assert all(before[1] == after[0] for before, after in pairwise(places))


async def _read(stream: AsyncGenerator[Chunk]) -> None:
    async for _ in stream:
        pass


async def test_a_cancelled_answer_frees_its_stages(engine: Engine, precise: Split, stages: list[Stage]) -> None:
    async with route_over(stages) as route:
        stream = engine.generate_over(precise.ends, ask(TALE, max_tokens=500, sampling=_LETTERS), route)
        await anext(stream)
        await stream.aclose()
        assert len(route.released) == 1
    parts = [part.name for part in precise.parts]
    await until(lambda: not any(status.kv_tokens_used for status in engine.loaded() if status.name in parts))


_LETTERS = Sampling(temperature=0.0, logit_bias={65: 100.0})
"""Nothing ends the answer."""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values[:-4], "bytes came for 1 rows"),
        (lambda values: np.full(len(values) // 4, np.nan, "<f4").tobytes(), "finite"),
    ],
)
async def test_what_comes_back_wrong_ends_the_answer(
    engine: Engine, precise: Split, stages: list[Stage], change: object, said: str
) -> None:
    async with route_over(stages) as route:
        route.change = change  # pyright: ignore[reportAttributeAccessIssue]  # of the parameters above
        with pytest.raises(CrofterError, match=said) as caught:
            await _read(engine.generate_over(precise.ends, ask(TALE), route))
    assert caught.value.code is ErrorCode.PEER_FAILED
    assert tokens_of(await collect_over(engine, precise.ends, stages, ask(TALE)))


@pytest.mark.parametrize("dies", [0, 1, 2])
async def test_a_part_that_dies_ends_the_answer_and_comes_back(engine: Engine, quantised: Split, dies: int) -> None:
    async with opened(engine, quantised.parts) as stages:
        expected = tokens_of(await collect_over(engine, quantised.ends, stages, ask(TALE)))
        async with route_over(stages) as route:
            stream = engine.generate_over(quantised.ends, ask(TALE, max_tokens=500, sampling=_LETTERS), route)
            await anext(stream)
            _kill(engine, [*quantised.parts, quantised.ends][dies].name)
            with pytest.raises(CrofterError) as caught:
                await _read(stream)
        # A stage that nothing was asked of at that moment is there again, and holds nothing.
        assert caught.value.code is ErrorCode.WORKER_DIED or isinstance(caught.value, MissingRowsError)
        assert len(route.released) == 1
        assert tokens_of(await collect_over(engine, quantised.ends, stages, ask(TALE))) == expected


def _kill(engine: Engine, name: str) -> None:
    process_id = next(status.process_id for status in engine.loaded() if status.name == name)
    os.kill(process_id, signal.SIGKILL)


async def test_parts_do_not_pass_for_models(engine: Engine, precise: Split) -> None:
    requests: list[tuple[object, GenerationRequest]] = [(precise.ends, ask()), (precise.parts[0], ask())]
    for part, request in requests:
        with pytest.raises(CrofterError) as caught:
            await collect(engine, part, request)  # pyright: ignore[reportArgumentType]  # a slice is a file of a model
        assert caught.value.code is ErrorCode.UNSUPPORTED
    with pytest.raises(CrofterError):
        await engine.embed(
            precise.ends,
            EmbeddingRequest(request_id=RequestId("test"), model="", inputs=(TextPrompt(text="a"),)),
        )
    with pytest.raises(CrofterError):
        async with engine.stage(precise.ends):
            pass
    assert engine.ways(precise.ends) == ()


async def test_the_ends_tokenise(engine: Engine, precise: Split) -> None:
    prompt = TextPrompt(text=TALE)
    assert await engine.tokenize(precise.ends, prompt) == await engine.tokenize(precise.whole, prompt)
