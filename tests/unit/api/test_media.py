"""Images and sounds in every dialect: taken out of the request, a marker left in their place."""

import base64
from typing import Any

import anyio
import msgspec
import pytest

from crofter.api import KeyPolicy, media
from crofter.api.media import MOST_FETCHED_BYTES, MOST_PARTS
from crofter.core import ChatPrompt, GenerationRequest
from tests.fakes import MODEL, FakeAdministration, FakeBackend, account
from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio

FILE = b"\x89PNG and so on"
BASE64 = base64.b64encode(FILE).decode()
URL = f"data:image/png;base64,{BASE64}"


def prompt_of(request: GenerationRequest) -> ChatPrompt:
    assert isinstance(request.prompt, ChatPrompt)
    return request.prompt


def shown(browser: Browser) -> str:
    """The last message as the backend got it, its markers as [kind:number:bytes]."""
    prompt = prompt_of(browser.backend.requests[-1])
    text = prompt.messages[-1].content or ""
    for number, part in enumerate(prompt.media):
        assert text.count(part.marker) == 1
        text = text.replace(part.marker, f"[{part.kind}:{number}:{len(part.data)}]")
    return text


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


TEXT: dict[str, Any] = {"type": "text", "text": "What is it?"}
IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": URL, "detail": "high"}}


async def test_openais_images_and_sounds() -> None:
    browser = Browser()
    sound = {"type": "input_audio", "input_audio": {"data": BASE64, "format": "wav"}}
    reply = await browser.chat(messages=user(TEXT, IMAGE, {"type": "image_url", "image_url": URL}, sound))
    assert reply.status == 200
    size = len(FILE)
    assert shown(browser) == f"What is it?[image:0:{size}][image:1:{size}][audio:2:{size}]"
    assert prompt_of(browser.backend.requests[-1]).media[0].data == FILE


async def test_anthropics_images_in_messages_and_results_of_tools() -> None:
    browser = Browser()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a shot"}, image]}
    body = {"model": "seedling", "max_tokens": 5, "messages": user(result, image, TEXT)}
    reply = await browser.post("/v1/messages", body)
    assert reply.status == 200
    messages = prompt_of(browser.backend.requests[-1]).messages
    media = prompt_of(browser.backend.requests[-1]).media
    assert messages[0].content == f"a shot\n{media[0].marker}"
    assert messages[1].content == f"{media[1].marker}\nWhat is it?"
    counted = await browser.post("/v1/messages/count_tokens", {"messages": user(image, TEXT)})
    assert counted.status == 200


async def test_ollamas_images_in_chat_and_generate() -> None:
    browser = Browser()
    chat = {"model": "seedling", "messages": [{"role": "user", "content": "Hm?", "images": [BASE64, BASE64]}]}
    assert (await browser.post("/api/chat", chat)).status == 200
    assert shown(browser) == f"[image:0:{len(FILE)}][image:1:{len(FILE)}]Hm?"
    assert (await browser.post("/api/generate", {"model": "seedling", "images": [BASE64]})).status == 200
    assert shown(browser) == f"[image:0:{len(FILE)}]"
    raw = {"model": "seedling", "prompt": "x", "raw": True, "images": [BASE64]}
    assert (await browser.post("/api/generate", raw)).status == 400


async def test_responses_images_also_in_what_went_before() -> None:
    browser = Browser()
    items = user({"type": "input_text", "text": "Look: "}, {"type": "input_image", "image_url": URL})
    first = await browser.post("/v1/responses", {"input": items})
    assert shown(browser) == f"Look: [image:0:{len(FILE)}]"
    await browser.post("/v1/responses", {"input": "And now?", "previous_response_id": first.json["id"]})
    prompt = prompt_of(browser.backend.requests[-1])
    assert prompt.messages[0].content == f"Look: {prompt.media[0].marker}"
    counted = await browser.post("/v1/responses/input_tokens", {"input": items})
    assert counted.status == 200


async def test_markers_cannot_be_known_beforehand() -> None:
    browser = Browser()
    await browser.chat(messages=user(IMAGE))
    await browser.chat(messages=user(IMAGE))
    first, second = (prompt_of(request).media[0].marker for request in browser.backend.requests)
    assert first != second


def refused(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["error"]["param"]


@pytest.mark.parametrize(
    "url",
    [
        *("data:image/png;base64,", "data:image/png;base64,!!!!", f"data:image/png;base64,{BASE64[:-1]}"),
        *("data:text/html;base64,PGI+", f"data:audio/wav;base64,{BASE64}", "data:image/png,plain", "no address"),
        *("file:///etc/passwd", "", "data:image/png;base64", "javascript:alert(1)"),
    ],
)
async def test_what_is_no_image_is_refused_by_its_field(url: str) -> None:
    reply = await Browser().chat(messages=user(TEXT, {"type": "image_url", "image_url": {"url": url}}))
    assert refused(reply) == (400, "messages[0].content[1].image_url")


async def test_base64_in_lines_is_read() -> None:
    browser = Browser()
    lines = f"data:image/png;base64,{BASE64[:8]}\r\n{BASE64[8:]}\n"
    await browser.chat(messages=user({"type": "image_url", "image_url": {"url": lines}}))
    assert prompt_of(browser.backend.requests[-1]).media[0].data == FILE


async def test_a_request_brings_a_bounded_number() -> None:
    browser = Browser()
    assert (await browser.chat(messages=user(*[IMAGE] * MOST_PARTS))).status == 200
    reply = await browser.chat(messages=user(*[IMAGE] * (MOST_PARTS + 36)))
    assert refused(reply) == (400, f"messages[0].content[{MOST_PARTS}].image_url")


async def test_addresses_are_refused_unless_the_owner_allows_them() -> None:
    browser = Browser()
    named = {"type": "image_url", "image_url": {"url": "https://images.example/a.png"}}
    reply = await browser.chat(messages=user(named))
    assert refused(reply) == (403, "messages[0].content[0].image_url")
    assert "crofter config set api.fetch_media_urls true" in reply.json["error"]["message"]
    assert browser.backend.requests == []


async def test_what_is_named_is_fetched_where_that_is_allowed() -> None:
    asked: list[tuple[str, str]] = []

    async def fetch(url: str, place: str) -> bytes:
        asked.append((url, place))
        return b"from afar"

    browser = Browser(fetch_media=fetch)
    source = {"type": "url", "url": "https://images.example/a.png"}
    body = {"max_tokens": 5, "messages": user({"type": "image", "source": source}, TEXT)}
    assert (await browser.post("/v1/messages", body)).status == 200
    assert asked == [("https://images.example/a.png", "messages[0].content")]
    assert prompt_of(browser.backend.requests[-1]).media[0].data == b"from afar"


NAMED = "https://images.example/a.png"
SOURCE = {"type": "image", "source": {"type": "url", "url": NAMED}}
NAMING: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": user({"type": "image_url", "image_url": NAMED})},
    "/v1/responses": {"input": user({"type": "input_image", "image_url": NAMED})},
    "/v1/responses/input_tokens": {"input": user({"type": "input_image", "image_url": NAMED})},
    "/v1/messages": {"max_tokens": 5, "messages": user(SOURCE)},
    "/v1/messages/count_tokens": {"messages": user(SOURCE)},
}


@pytest.fixture
def fetched() -> list[str]:
    """What was fetched by a browser of `naming`."""
    return []


def naming(fetched: list[str], policy: KeyPolicy | None = None, *capabilities: str) -> Browser:
    """A node that fetches, whose model can do these things, and a key."""

    async def fetch(url: str, place: str) -> bytes:
        fetched.append(url)
        return FILE

    administration = FakeAdministration()
    administration.accounts["right"] = account("laptop", policy)
    model = msgspec.structs.replace(MODEL, capabilities=capabilities)
    return Browser(administration=administration, fetch_media=fetch, model=model)


@pytest.mark.parametrize("path", NAMING)
async def test_nothing_is_fetched_for_a_model_that_cannot_see(path: str, fetched: list[str]) -> None:
    browser = naming(fetched, None, "chat")
    reply = await browser.post(path, NAMING[path], authorization="Bearer right")
    assert (reply.status, reply.json["error"]["code"], fetched) == (400, "unsupported", [])


@pytest.mark.parametrize("path", NAMING)
async def test_nothing_is_fetched_for_a_key_that_may_not_ask_or_not_now(path: str, fetched: list[str]) -> None:
    browser = naming(fetched, KeyPolicy(models=("another",)), "chat", "vision")
    assert (await browser.post(path, NAMING[path], authorization="Bearer right")).status == 403
    browser = naming(fetched, KeyPolicy(requests_per_minute=1), "chat", "vision")
    await browser.post(path, NAMING[path], authorization="Bearer right")
    assert fetched == [NAMED]
    assert (await browser.post(path, NAMING[path], authorization="Bearer right")).status == 429
    assert fetched == [NAMED]


async def test_what_never_comes_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetch(url: str, place: str) -> bytes:
        await anyio.sleep_forever()
        return FILE

    monkeypatch.setattr(media, "MOST_FETCHING_SECONDS", 0.0)
    reply = await Browser(fetch_media=fetch).post("/v1/chat/completions", NAMING["/v1/chat/completions"])
    assert (reply.status, reply.json["error"]["code"]) == (504, "timed_out")


async def test_what_one_request_names_is_bounded_together() -> None:
    async def fetch(url: str, place: str) -> bytes:
        return bytes(MOST_FETCHED_BYTES // 2 + 1)

    named = {"type": "image_url", "image_url": {"url": "https://images.example/a.png"}}
    backend = FakeBackend()
    reply = await Browser(backend, fetch_media=fetch).chat(messages=user(named, named))
    assert refused(reply) == (413, "messages[0].content[1].image_url")
    assert backend.requests == []
