"""What every dialect's way to the router does for a key: checks before, charges after."""

from collections.abc import Sequence
from contextlib import aclosing

import anyio
import msgspec
import pytest

from crofter.api import KeyPolicy
from crofter.api.access import Asker
from crofter.api.inference import Inference
from crofter.api.metrics import Metrics
from crofter.core import (
    Chunk,
    CrofterError,
    EmbeddingRequest,
    EmbeddingResult,
    ErrorCode,
    GenerationRequest,
    Model,
    ModelId,
    Prompt,
    RequestId,
    TextPrompt,
    Usage,
)
from crofter.node.keys import Account
from crofter.router import Router, Turn
from tests.fakes import MODEL, FakeAdministration, FakeBackend, FakeResolver, Step, account, answer

pytestmark = pytest.mark.anyio

BEGUN = Chunk(text="a", token_ids=(1,), prompt_usage=Usage(prompt_tokens=9, completion_tokens=0, cached_tokens=4))
LOST = CrofterError(ErrorCode.WORKER_DIED, "gone")


def inference(*scripts: Sequence[Step], backend: FakeBackend | None = None) -> Inference:
    router = Router(FakeResolver(), [backend or FakeBackend(*scripts)])
    return Inference(router, Metrics(router, FakeAdministration()))


def request(text: str = "Hello", number: int = 1) -> GenerationRequest:
    return GenerationRequest(request_id=RequestId(f"r{number}"), model="", prompt=TextPrompt(text=text))


async def asked(way: Inference, key: Account, text: str = "Hello") -> None:
    _, chunks = await way.open(request(text), Asker(account=key))
    async with aclosing(chunks):
        async for _ in chunks:
            pass


async def refused(way: Inference, key: Account, text: str = "Hello") -> CrofterError:
    with pytest.raises(CrofterError) as caught:
        await asked(way, key, text)
    return caught.value


def counted(key: Account) -> tuple[int, int, int, int, int]:
    used = key.summary().today
    return used.requests, used.prompt_tokens, used.cached_tokens, used.completion_tokens, used.errors


async def test_an_answer_is_charged_as_the_engine_counts_it() -> None:
    key = account("k")
    await asked(inference(answer("a", "b")), key)
    assert counted(key) == (1, 5, 2, 2, 0)


async def test_without_a_key_nothing_is_wrapped_or_counted() -> None:
    way = inference(answer("a"))
    turn, chunks = await way.open(request(), Asker())
    assert isinstance(turn, Turn)
    assert [chunk.text async for chunk in chunks] == ["a", ""]


@pytest.mark.parametrize("limit", [None, 1_000])
async def test_an_answer_broken_off_in_the_middle_is_charged_as_far_as_it_went(limit: int | None) -> None:
    key = account("k", KeyPolicy(tokens_per_day=limit))
    _, chunks = await inference([BEGUN, Chunk(text="b", token_ids=(2, 3)), "wait"]).open(request(), Asker(account=key))
    await anext(chunks)
    await anext(chunks)
    await chunks.aclose()
    assert counted(key) == (1, 9, 4, 3, 0)


async def test_a_reader_that_is_cancelled_is_charged_too() -> None:
    key = account("k")
    backend = FakeBackend([BEGUN, "wait"])
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asked, inference(backend=backend), key)
            await backend.waiting.wait()
            tasks.cancel_scope.cancel()
    assert counted(key) == (1, 9, 4, 1, 0)


async def test_a_failure_counts_as_an_error_and_for_what_it_took() -> None:
    key = account("k")
    assert (await refused(inference([BEGUN, LOST]), key)).code is ErrorCode.WORKER_DIED
    assert counted(key) == (1, 9, 4, 1, 1)


async def test_a_prompt_that_was_never_read_is_given_back() -> None:
    key = account("k", KeyPolicy(tokens_per_minute=100))
    await refused(inference([LOST]), key)
    assert counted(key) == (1, 0, 0, 0, 1)
    assert [room.remaining for room in key.rooms()] == [100]


async def test_a_prompt_beyond_what_is_left_is_refused_before_the_backend_sees_it() -> None:
    key = account("k", KeyPolicy(tokens_per_day=8))
    backend = FakeBackend(answer("a"))
    way = inference(backend=backend)
    await asked(way, key, "four")
    error = await refused(way, key, "four")
    assert error.code is ErrorCode.RATE_LIMITED
    assert "2 are left, but the prompt has 4" in error.message
    assert len(backend.requests) == 1
    assert (await refused(way, key, "nine char")).code is ErrorCode.REQUEST_TOO_LARGE


async def test_a_prompt_counts_while_it_is_read() -> None:
    key = account("k", KeyPolicy(tokens_per_minute=100))
    backend = FakeBackend(["wait"])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asked, inference(backend=backend), key, "x" * 60)
        await backend.waiting.wait()
        assert [room.remaining for room in key.rooms()] == [40]
        tasks.cancel_scope.cancel()


async def test_a_backend_that_counts_no_tokens_beforehand_is_charged_afterwards() -> None:
    class Elsewhere(FakeBackend):
        async def tokenize(self, model: object, prompt: Prompt) -> Sequence[int]:
            raise CrofterError(ErrorCode.UNSUPPORTED, "not there")

    key = account("k", KeyPolicy(tokens_per_day=6))
    way = inference(backend=Elsewhere(answer("a")))
    await asked(way, key)
    assert (await refused(way, key)).code is ErrorCode.RATE_LIMITED


async def test_requests_beyond_the_limit_are_refused_and_counted_as_errors() -> None:
    key = account("k", KeyPolicy(requests_per_minute=1))
    way = inference(answer("a"))
    await asked(way, key)
    assert (await refused(way, key)).code is ErrorCode.RATE_LIMITED
    assert counted(key)[0] == 1
    assert counted(key)[4] == 1


async def test_several_prompts_of_one_request_are_one() -> None:
    key = account("k", KeyPolicy(requests_per_minute=1))
    opened = await inference(answer("a")).open_all([request(), request(number=2)], Asker(account=key))
    assert len(opened) == 2
    assert counted(key)[0] == 1


@pytest.mark.parametrize(
    ("models", "may"), [((), True), (("seedling",), True), (("gone", "seedling"), True), (("gone",), False)]
)
async def test_a_key_for_some_models_asks_no_others(models: tuple[str, ...], may: bool) -> None:
    key = account("k", KeyPolicy(models=models))
    way = inference(answer("a"))
    if may:
        await asked(way, key)
        return
    error = await refused(way, key)
    assert error.code is ErrorCode.FORBIDDEN
    assert MODEL.name in error.message
    with pytest.raises(CrofterError):
        await way.tokenize("", TextPrompt(text="x"), Asker(account=key))
    with pytest.raises(CrofterError):
        await embedded(way, key)


async def embedded(way: Inference, key: Account, *texts: str) -> None:
    inputs = tuple(TextPrompt(text=text) for text in texts or ("a",))
    wanted = EmbeddingRequest(request_id=RequestId("e"), model="", inputs=inputs)
    await way.embed(wanted, Asker(account=key), timeout_seconds=5)


async def test_embeddings_are_charged() -> None:
    key = account("k")
    await embedded(inference(), key, "one", "two")
    assert counted(key) == (1, 6, 0, 0, 0)


async def test_embeddings_beyond_what_is_left_are_refused() -> None:
    key = account("k", KeyPolicy(tokens_per_day=10))
    backend = FakeBackend()
    way = inference(backend=backend)
    await embedded(way, key, "abc", "def")
    with pytest.raises(CrofterError) as caught:
        await embedded(way, key, "abc", "def")
    assert caught.value.code is ErrorCode.RATE_LIMITED
    assert len(backend.embedded) == 1


async def test_embeddings_that_fail_cost_no_tokens() -> None:
    class Broken(FakeBackend):
        async def embed(self, model: object, request: EmbeddingRequest) -> EmbeddingResult:
            raise LOST

    key = account("k", KeyPolicy(tokens_per_day=10))
    with pytest.raises(CrofterError):
        await embedded(inference(backend=Broken()), key, "abc")
    assert counted(key) == (1, 0, 0, 0, 1)


async def test_counting_tokens_is_a_request_that_uses_none() -> None:
    key = account("k")
    assert len(await inference().tokenize("", TextPrompt(text="abc"), Asker(account=key))) == 3
    assert counted(key) == (1, 0, 0, 0, 0)


class OthersModels:
    """Models that other people's servers have: known by their names alone."""

    def resolve(self, name: str) -> Model:
        return Model(model_id=ModelId(""), name=name, context_length=0)


async def test_a_key_for_one_of_anothers_models_asks_no_other_of_them() -> None:
    router = Router(OthersModels(), [FakeBackend()])
    way = Inference(router, Metrics(router, FakeAdministration()))
    key = account("k", KeyPolicy(models=("near/one",)))
    await way.open(msgspec.structs.replace(request(), model="near/one"), Asker(account=key))
    with pytest.raises(CrofterError) as caught:
        await way.open(msgspec.structs.replace(request(), model="near/two"), Asker(account=key))
    assert caught.value.code is ErrorCode.FORBIDDEN
