"""Answers and every kind of trouble, over real HTTP."""

import gzip
import json
import logging
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from crofter.core import (
    ChatPrompt,
    Chunk,
    CrofterError,
    EmbeddingRequest,
    ErrorCode,
    GenerationRequest,
    MediaPart,
    Message,
    Model,
    RequestId,
    TextPrompt,
)
from crofter.providers import Provider, ProviderBook, Providers, ProviderSettings
from crofter.providers.line import Line, trusted_certificates
from crofter.providers.plan import FAILURES_TO_OPEN
from crofter.store import Database, ProviderRecords
from tests.fakes import MODEL
from tests.image_files import data_url, png
from tests.provider_server import END, ProviderServer, Step, provider_server, reply, spoken, stream

pytestmark = pytest.mark.anyio

KEY = "sk-secret-0123456789abcdef"
HELLO = ChatPrompt(messages=(Message(role="user", content="Hello"),))
REQUEST = GenerationRequest(request_id=RequestId("r"), model="", prompt=HELLO)
RECORDED = Path(__file__).parent / "recorded"
ANSWER = stream(spoken("Hi", " there"), END)
FAST = ProviderSettings(idle_timeout_seconds=30.0, attempts=3)


class Attached:
    """A server with the node's side of it."""

    def __init__(self, server: ProviderServer, providers: Providers, model: Model) -> None:
        self.server = server
        self.providers = providers
        self.model = model

    async def chunks(self, request: GenerationRequest = REQUEST) -> list[Chunk]:
        async with aclosing(self.providers.generate(self.model, request)) as generator:
            return [chunk async for chunk in generator]

    async def text(self) -> str:
        return "".join(chunk.text for chunk in await self.chunks())

    async def error(self) -> CrofterError:
        with pytest.raises(CrofterError) as caught:
            await self.chunks()
        assert "near" in caught.value.message
        assert KEY not in caught.value.message
        return caught.value


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which take no time here."""
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    made = Line.__init__

    def make(self: Line, *arguments: object, **options: object) -> None:
        made(self, *arguments, **{**options, "pause": pause})  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Line, "__init__", make)
    return waited


Attach = Callable[..., Awaitable[Attached]]


@pytest.fixture
def book(tmp_path: Path) -> ProviderBook:
    return ProviderBook(ProviderRecords(Database.open(tmp_path / "crofter.db", bytes(32))))


@asynccontextmanager
async def attached(
    book: ProviderBook, *scripts: Sequence[Step], kind: str = "custom", settings: ProviderSettings = FAST
) -> AsyncGenerator[Attached]:
    async with provider_server(*scripts) as server, Providers(book, settings) as providers:
        book.add("near", kind_name=kind, base_url=server.url, radius=None, key=KEY)
        model = book.find("near/some-model")
        assert model is not None
        yield Attached(server, providers, model)


async def test_an_answer_comes_with_its_counts_and_times(book: ProviderBook) -> None:
    async with attached(book, ANSWER) as there:
        chunks = await there.chunks()
    assert "".join(chunk.text for chunk in chunks) == "Hi there"
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].timings is not None
    [asked] = there.server.asked
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body["model"] == "some-model"
    assert asked.body["messages"] == [{"role": "user", "content": "Hello"}]


async def test_anthropics_messages_go_their_own_way(book: ProviderBook) -> None:
    script = stream((RECORDED / "anthropic_thinking_tool.sse").read_bytes())
    async with attached(book, script, kind="anthropic") as there:
        chunks = await there.chunks()
    assert chunks[-1].finish_reason == "tool_calls"
    [asked] = there.server.asked
    assert asked.path == "/v1/messages"
    assert asked.headers["x-api-key"] == KEY
    assert "authorization" not in asked.headers


async def test_another_node_is_told_to_carry_nothing_further_than_is_said_of_it(book: ProviderBook) -> None:
    async with attached(book, ANSWER, kind="crofter") as there:
        await there.chunks()
    assert there.server.asked[0].headers["x-crofter-radius"] == "local"


def showing(file: bytes) -> GenerationRequest:
    part = MediaPart(kind="image", data=file, marker="<image>", place="messages[0]")
    prompt = ChatPrompt(messages=(Message(role="user", content="See <image>"),), media=(part,))
    return GenerationRequest(request_id=RequestId("r"), model="", prompt=prompt)


async def test_an_image_goes_along_and_its_refusal_comes_back(book: ProviderBook) -> None:
    refusal = reply({"error": {"message": "this model does not support image input"}}, 400)
    async with attached(book, ANSWER, refusal) as there:
        await there.chunks(showing(png()))
        with pytest.raises(CrofterError, match="does not support image input") as caught:
            await there.chunks(showing(png()))
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    text, image = there.server.asked[0].body["messages"][0]["content"]
    assert (text["text"], image["image_url"]["url"]) == ("See ", data_url(png()))


async def test_files_under_way_have_a_bound_all_together(book: ProviderBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crofter.providers.service._MOST_MEDIA_BYTES", len(png()) + 1)
    async with attached(book, stream(spoken("Hi"), "wait"), ANSWER) as there:
        async with aclosing(there.providers.generate(there.model, showing(png()))) as first:
            await anext(first)
            with pytest.raises(CrofterError) as caught:
                await there.chunks(showing(png()))
            assert caught.value.code is ErrorCode.OVERLOADED
            await there.chunks()  # words need none of it
        await there.chunks(showing(png()))


async def test_a_way_says_where_it_runs_and_who_reads_along(book: ProviderBook) -> None:
    async with attached(book, ANSWER) as there:
        [way] = there.providers.ways(there.model)
        assert (way.backend, way.radius) == ("near", "local")
        assert way.readable_by == ("this node", "near (this machine)")
        assert there.providers.ways(MODEL) == ()


@pytest.mark.parametrize(
    ("status", "headers", "code", "words"),
    [
        (401, {}, ErrorCode.PROVIDER_REFUSED, "does not accept its key"),
        (403, {}, ErrorCode.PROVIDER_REFUSED, "because"),
        (404, {}, ErrorCode.MODEL_NOT_FOUND, "because"),
        (400, {}, ErrorCode.INVALID_REQUEST, "because"),
        (422, {}, ErrorCode.INVALID_REQUEST, "because"),
        (413, {}, ErrorCode.REQUEST_TOO_LARGE, "because"),
        (429, {"retry_after": "120"}, ErrorCode.RATE_LIMITED, "enough requests"),
        (503, {"retry_after": "120"}, ErrorCode.OVERLOADED, "overloaded"),
        (302, {"location": "https://elsewhere.example/"}, ErrorCode.PROVIDER_FAILED, "not followed"),
    ],
)
async def test_refusals_are_told_and_not_repeated(
    book: ProviderBook, status: int, headers: dict[str, str], code: ErrorCode, words: str
) -> None:
    body = {"error": {"message": f"because of {KEY}", "type": "x"}}
    async with attached(book, reply(body, status, **headers)) as there:
        error = await there.error()
    assert error.code is code
    assert words in error.message
    assert len(there.server.asked) == 1
    if "retry_after" in headers:
        assert error.retry_after_seconds == 120


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "maximum context length is 8192 tokens"}},
        {"error": {"message": "prompt is too long: 300000 tokens > 200000 maximum"}},
        {"message": "the request exceeds the available context size"},
        {"detail": [{"msg": "context window exceeded"}]},
    ],
)
async def test_a_prompt_that_is_too_long_has_its_own_code(book: ProviderBook, body: object) -> None:
    async with attached(book, reply(body, 400)) as there:
        assert (await there.error()).code is ErrorCode.CONTEXT_LENGTH_EXCEEDED


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
async def test_what_may_pass_is_tried_again(book: ProviderBook, pauses: list[float], status: int) -> None:
    async with attached(book, reply({}, status), reply({}, status), ANSWER) as there:
        assert await there.text() == "Hi there"
    assert len(there.server.asked) == 3
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]


async def test_a_servers_wish_is_granted(book: ProviderBook, pauses: list[float]) -> None:
    async with attached(book, reply({}, 429, retry_after="3"), ANSWER) as there:
        assert await there.text() == "Hi there"
    assert pauses == [3.0]


async def test_it_is_not_tried_for_ever(book: ProviderBook, pauses: list[float]) -> None:
    async with attached(book, reply({}, 500)) as there:
        assert (await there.error()).code is ErrorCode.PROVIDER_FAILED
    assert len(there.server.asked) == FAST.attempts


async def test_after_the_first_byte_nothing_is_tried_again(book: ProviderBook) -> None:
    async with attached(book, stream(spoken("Hi"), ended=False)) as there:
        generator = there.providers.generate(there.model, REQUEST)
        async with aclosing(generator):
            assert (await anext(generator)).text == "Hi"
            with pytest.raises(CrofterError) as caught:
                await anext(generator)
    assert caught.value.code is ErrorCode.PROVIDER_FAILED
    assert len(there.server.asked) == 1


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (stream(spoken("Hi")), "before its end"),
        (stream(), "before its end"),
        (reply({"choices": []}), "before its end"),
        (stream(b"data: {nonsense\n\n"), "no valid reply"),
        (stream(b"data: \xff\xfe\n\n"), "no valid reply"),
        (stream(b'data: {"choices":' + b"[" * 50_000 + b"\n\n"), "no valid reply"),
        (stream(b'data: {"error":{"message":"GPU on fire"}}\n\n'), "GPU on fire"),
        (stream(*[b"x" * (1 << 20)] * 6), "without an end"),
        (stream(b'data: {"choices":[{"delta":{},"finish_reason":"insufficient_system_resource"}]}\n\n'), "early"),
        (reply(gzip.compress(spoken("Hi") + END), content_encoding="gzip"), "compressed"),
    ],
)
async def test_an_answer_that_is_none_is_an_error(book: ProviderBook, script: list[Step], words: str) -> None:
    async with attached(book, script) as there:
        error = await there.error()
    assert error.code is ErrorCode.PROVIDER_FAILED
    assert words in error.message


async def test_a_server_that_goes_silent_is_given_up(book: ProviderBook) -> None:
    impatient = ProviderSettings(idle_timeout_seconds=0.05)
    async with attached(book, stream(spoken("Hi"), "wait"), settings=impatient) as there:
        assert (await there.error()).code is ErrorCode.TIMED_OUT
    async with attached_again(book, impatient, ["wait"]) as there:
        assert (await there.error()).code is ErrorCode.TIMED_OUT
        assert len(there.server.asked) == 1


@asynccontextmanager
async def attached_again(
    book: ProviderBook, settings: ProviderSettings, *scripts: Sequence[Step]
) -> AsyncGenerator[Attached]:
    book.remove("near")
    async with attached(book, *scripts, settings=settings) as there:
        yield there


async def test_a_client_that_leaves_makes_the_server_stop(book: ProviderBook) -> None:
    async with attached(book, stream(spoken("Hi"), "wait")) as there:
        generator = there.providers.generate(there.model, REQUEST)
        assert (await anext(generator)).text == "Hi"
        await generator.aclose()
        with anyio.fail_after(5):
            await there.server.hung_up.wait()


async def test_a_cancelled_wait_makes_the_server_stop(book: ProviderBook) -> None:
    async with attached(book, ["wait"]) as there, anyio.create_task_group() as tasks:
        tasks.start_soon(there.chunks)
        with anyio.fail_after(5):
            await there.server.came.wait()
            tasks.cancel_scope.cancel()
    with anyio.fail_after(5):
        await there.server.hung_up.wait()


async def test_a_provider_that_is_removed_ends_its_answers_with_an_error(book: ProviderBook) -> None:
    async with attached(book, stream(spoken("Hi"), "wait")) as there:
        generator = there.providers.generate(there.model, REQUEST)
        async with aclosing(generator), anyio.create_task_group() as tasks:
            assert (await anext(generator)).text == "Hi"
            tasks.start_soon(there.providers.hang_up, "near")
            with pytest.raises(CrofterError) as caught:
                await anext(generator)
            assert caught.value.code is ErrorCode.PROVIDER_FAILED


async def test_a_name_that_now_means_somebody_else_gets_nothing_that_was_meant_for_the_first(
    book: ProviderBook,
) -> None:
    async with attached(book, ANSWER) as there:
        [way] = there.providers.ways(there.model)
        assert way.radius == "local"
        book.remove("near")
        book.add("near", kind_name="custom", base_url=there.server.url, radius="public", key=KEY)
        assert (await there.error()).code is ErrorCode.CONFLICT
    assert there.server.asked == []


async def test_a_provider_exchanged_while_its_line_is_made_is_not_asked_by_that_line(
    book: ProviderBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exchanged(provider: Provider) -> ssl.SSLContext:
        if provider.radius == "local":
            book.remove("near")
            book.add("near", kind_name="custom", base_url=provider.base_url, radius="trusted", key=KEY)
        return trusted_certificates(provider)

    monkeypatch.setattr("crofter.providers.service.trusted_certificates", exchanged)
    async with attached(book, ANSWER) as there:
        assert (await there.error()).code is ErrorCode.CONFLICT
        assert there.server.asked == []
        there.model = book.find("near/some-model") or there.model
        assert await there.text() == "Hi there"


async def test_nobody_there_is_said_and_soon_not_even_asked(book: ProviderBook, pauses: list[float]) -> None:
    async with attached(book, ANSWER) as there:
        pass
    async with Providers(book, FAST) as providers:
        gone = Attached(there.server, providers, there.model)
        for _ in range(FAILURES_TO_OPEN):
            assert (await gone.error()).code is ErrorCode.PROVIDER_UNREACHABLE
        waited = len(pauses)
        error = await gone.error()
    assert "left alone" in error.message
    assert error.retry_after_seconds is not None
    assert len(pauses) == waited


async def test_a_refusal_is_no_reason_to_leave_a_server_alone(book: ProviderBook) -> None:
    async with attached(book, reply({}, 400)) as there:
        for _ in range(FAILURES_TO_OPEN + 1):
            assert (await there.error()).code is ErrorCode.INVALID_REQUEST


async def test_what_is_impossible_is_refused_before_anything_is_sent(book: ProviderBook) -> None:
    async with attached(book, ANSWER) as there:
        with pytest.raises(CrofterError) as caught:
            await there.providers.tokenize(there.model, HELLO)
        assert caught.value.code is ErrorCode.UNSUPPORTED
        with pytest.raises(CrofterError) as caught:
            await there.chunks(GenerationRequest(request_id=RequestId("r"), model="", prompt=HELLO, echo=True))
        assert caught.value.parameter == "echo"
    assert there.server.asked == []


async def test_no_key_and_no_word_of_a_talk_is_logged(
    book: ProviderBook, caplog: pytest.LogCaptureFixture, pauses: list[float]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with attached(book, reply({}, 500), ANSWER) as there:
        await there.text()
    assert KEY not in caplog.text
    assert "Hello" not in caplog.text
    assert "Hi there" not in caplog.text


def vectors(*rows: list[float]) -> list[Step]:
    data = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)]
    return reply({"object": "list", "data": data[::-1], "usage": {"prompt_tokens": 5, "total_tokens": 5}})


def embedding(*texts: str) -> EmbeddingRequest:
    inputs = tuple(TextPrompt(text=text) for text in texts)
    return EmbeddingRequest(request_id=RequestId("e"), model="", inputs=inputs)


async def test_vectors_come_in_order_and_of_unit_length(book: ProviderBook) -> None:
    async with attached(book, vectors([3.0, 4.0], [0.0, 2.0])) as there:
        result = await there.providers.embed(there.model, embedding("a", "b"))
    assert [struct.unpack("<2f", vector) for vector in result.vectors] == [
        pytest.approx((0.6, 0.8)),
        pytest.approx((0.0, 1.0)),
    ]
    assert result.prompt_tokens == 5
    assert there.server.asked[0].body["input"] == ["a", "b"]


@pytest.mark.parametrize(
    "script",
    [vectors([1.0]), vectors([1.0], [1.0, 2.0]), vectors([], []), vectors([0.0], [1.0]), reply(b"no"), reply({})],
)
async def test_vectors_that_are_none_are_refused(book: ProviderBook, script: list[Step]) -> None:
    async with attached(book, script) as there:
        with pytest.raises(CrofterError) as caught:
            await there.providers.embed(there.model, embedding("a", "b"))
    assert caught.value.code is ErrorCode.PROVIDER_FAILED


@pytest.mark.parametrize(
    "body", [{"object": "list", "data": [{"id": "a"}, {"id": "b"}, {"id": "a"}]}, [{"id": "a"}, {"id": "b"}]]
)
async def test_models_are_listed_once_and_remembered(book: ProviderBook, body: object) -> None:
    async with attached(book, reply(body)) as there:
        provider = await there.providers.list_models("near")
    assert provider.models == book.get("near").models == ("a", "b")
    assert json.dumps(body)
