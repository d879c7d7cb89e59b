"""Keys at the door: what each may do, and how every dialect says no."""

import time
from datetime import datetime
from typing import Any

import pytest

from crofter.api import ApiSettings, KeyChange, KeyPolicy, Room
from crofter.api.limit_headers import anthropic_limits, openai_limits
from crofter.core import Intent, nearest
from crofter.node.keys import Account
from crofter.router import Router, RouterSettings, Turn
from tests.fakes import FakeAdministration, account
from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio

MESSAGES = [{"role": "user", "content": "Hi"}]
QUESTIONS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/completions": {"prompt": "Hi"},
    "/v1/responses": {"input": "Hi"},
    "/v1/embeddings": {"input": "Hi"},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 5},
    "/api/chat": {"model": "seedling", "messages": MESSAGES},
    "/api/generate": {"model": "seedling", "prompt": "Hi", "stream": False},
    "/api/embed": {"model": "seedling", "input": "Hi"},
}


def with_key(policy: KeyPolicy | None = None, *, settings: ApiSettings | None = None) -> tuple[Browser, Account]:
    administration = FakeAdministration()
    key = administration.accounts["right"] = account("laptop", policy)
    return Browser(administration=administration, settings=settings), key


async def ask(browser: Browser, path: str, **headers: str) -> Reply:
    return await browser.post(path, QUESTIONS[path], authorization="Bearer right", **headers)


def code_in(path: str, reply: Reply) -> tuple[str, str]:
    """The code and the words of an error, if it has the shape that clients of the address read."""
    body = reply.json
    if path.startswith(("/api/", "/ollama/")):
        assert isinstance(body["error"], str)
        return body["code"], body["error"]
    if "messages" in path:
        assert body["type"] == "error"
    else:
        assert set(body["error"]) == {"message", "type", "param", "code"}
    return body["error"]["code"], body["error"]["message"]


@pytest.mark.parametrize("path", QUESTIONS)
async def test_every_dialect_counts_for_the_key(path: str) -> None:
    browser, key = with_key()
    assert (await ask(browser, path)).status == 200
    used = key.summary().today
    assert used.requests == 1
    assert used.prompt_tokens > 0


@pytest.mark.parametrize("path", QUESTIONS)
async def test_the_owner_and_keyless_use_are_not_counted(path: str) -> None:
    browser, key = with_key(KeyPolicy(requests_per_minute=1))
    for _ in range(3):
        assert (await browser.post(path, QUESTIONS[path], authorization="Bearer admin-token")).status == 200
        assert (await Browser().post(path, QUESTIONS[path])).status == 200
    assert key.summary().today.requests == 0


@pytest.mark.parametrize("path", QUESTIONS)
async def test_a_missing_and_a_wrong_key_are_refused_in_the_clients_own_words(path: str) -> None:
    browser, _ = with_key()
    for headers in ({}, {"x_api_key": "wrong"}):
        reply = await browser.post(path, QUESTIONS[path], **headers)
        assert reply.status == 401
        assert code_in(path, reply)[0] == "unauthenticated"


@pytest.mark.parametrize("path", QUESTIONS)
async def test_a_limit_is_refused_in_the_clients_own_words_with_a_time_to_wait(path: str) -> None:
    browser, _ = with_key(KeyPolicy(requests_per_minute=1))
    assert (await ask(browser, path)).status == 200
    reply = await ask(browser, path)
    assert reply.status == 429
    assert reply.headers["retry-after"] == "60"
    code, words = code_in(path, reply)
    assert code == "rate_limited"
    assert "1 requests a minute" in words


@pytest.mark.parametrize("path", [*QUESTIONS, "/v1/models", "/api/tags", "/ollama/api/tags", "/mcp", "/nonesuch"])
async def test_a_key_without_the_scope_asks_nothing(path: str) -> None:
    browser, _ = with_key(KeyPolicy(scopes=("admin",)))
    reply = await browser.get(path, authorization="Bearer right")
    assert reply.status == 403
    code, words = code_in(path, reply)
    assert code == "forbidden"
    assert "'inference'" in words


async def test_a_key_with_the_scope_does_what_its_owner_does() -> None:
    browser, _ = with_key(KeyPolicy(scopes=("admin",)))
    right = {"authorization": "Bearer right"}
    assert (await browser.get("/crofter/v1/status", **right)).status == 200
    assert (await browser.post("/api/pull", {"model": "x", "stream": False}, **right)).status == 200
    assert (await browser.send("DELETE", "/api/delete", b'{"model":"seedling"}', right)).status == 200
    assert (await browser.get("/metrics", **right)).status == 200


async def test_changing_the_node_needs_its_scope_in_ollamas_dialect_too() -> None:
    browser, _ = with_key()
    for path in ("/api/pull", "/ollama/api/pull"):
        reply = await browser.post(path, {"model": "x"}, authorization="Bearer right")
        assert reply.status == 403
        assert code_in(path, reply)[0] == "forbidden"


@pytest.mark.parametrize(
    ("key_radius", "asked", "given"),
    [
        ("local", "public", "local"),
        ("trusted", "public", "trusted"),
        ("public", "trusted", "trusted"),
        ("public", "", "local"),
    ],
)
async def test_no_prompt_travels_further_than_its_key_allows(
    monkeypatch: pytest.MonkeyPatch, key_radius: str, asked: str, given: str
) -> None:
    intents: list[Intent] = []
    real = Router.open

    async def noted(self: Router, request: Any, intent: Intent) -> Turn:  # noqa: ANN401 - passed on
        intents.append(intent)
        return await real(self, request, intent)

    monkeypatch.setattr(Router, "open", noted)
    browser, key = with_key()
    key.change(KeyChange(radius=key_radius).applied(key.policy))  # pyright: ignore[reportArgumentType]  # one of the three
    assert (await ask(browser, "/v1/chat/completions", x_crofter_radius=asked)).status == 200
    assert [nearest(intent.radius or RouterSettings().radius, intent.limit) for intent in intents] == [given]


async def test_replies_tell_what_is_left_as_openai_does() -> None:
    browser, _ = with_key(KeyPolicy(requests_per_minute=60, tokens_per_minute=600, tokens_per_day=50))
    headers = (await ask(browser, "/v1/chat/completions")).headers
    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "59"
    assert headers["x-ratelimit-reset-requests"] == "1s"
    assert headers["x-ratelimit-limit-tokens"] == "50"
    assert headers["x-ratelimit-remaining-tokens"] == "43"
    assert headers["x-ratelimit-reset-tokens"] == "1440m0s"


async def test_streams_and_refusals_tell_it_too() -> None:
    browser, _ = with_key(KeyPolicy(requests_per_minute=1))
    body = {"messages": MESSAGES, "stream": True}
    for status in (200, 429):
        reply = await browser.post("/v1/chat/completions", body, authorization="Bearer right")
        assert reply.status == status
        assert reply.headers["x-ratelimit-remaining-requests"] == "0"
        assert reply.headers["x-ratelimit-reset-requests"] == "1m0s"


async def test_replies_tell_what_is_left_as_anthropic_does() -> None:
    browser, _ = with_key(KeyPolicy(requests_per_minute=60))
    headers = (await ask(browser, "/v1/messages")).headers
    assert headers["anthropic-ratelimit-requests-limit"] == "60"
    assert headers["anthropic-ratelimit-requests-remaining"] == "59"
    reset = headers["anthropic-ratelimit-requests-reset"]
    assert reset.endswith("Z")
    assert datetime.fromisoformat(reset).timestamp() > time.time() - 60
    assert not any(name.startswith("x-ratelimit") for name in headers)


async def test_without_limits_no_header_speaks_of_them() -> None:
    browser, _ = with_key()
    headers = (await ask(browser, "/v1/chat/completions")).headers
    assert not any("ratelimit" in name for name in headers)


def room(remaining: float, whole_in_seconds: float) -> Room:
    return Room(unit="tokens", period="day", limit=10, remaining=remaining, whole_in_seconds=whole_in_seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0ms"), (0.25, "250ms"), (1.0, "1s"), (8.64, "8.7s"), (60.0, "1m0s"), (372.5, "6m12.5s")],
)
def test_times_are_written_as_openai_does(seconds: float, text: str) -> None:
    assert dict(openai_limits([room(1, seconds)]))[b"x-ratelimit-reset-tokens"] == text.encode()


def test_the_scarcest_limit_is_told_and_debt_is_nothing_left() -> None:
    rooms = [room(5, 1), room(-3.5, 2)]
    assert dict(openai_limits(rooms))[b"x-ratelimit-remaining-tokens"] == b"0"
    assert dict(anthropic_limits(rooms))[b"anthropic-ratelimit-tokens-remaining"] == b"0"


async def test_pages_of_allowed_origins_may_read_refusals_and_limits() -> None:
    settings = ApiSettings(allowed_origins=("https://chat.example",))
    browser, _ = with_key(KeyPolicy(requests_per_minute=1), settings=settings)
    for status in (200, 429):
        reply = await ask(browser, "/v1/chat/completions", origin="https://chat.example")
        assert reply.status == status
        assert reply.headers["access-control-allow-origin"] == "https://chat.example"
        assert reply.headers["access-control-expose-headers"] == "*"
    refused = await browser.post("/v1/chat/completions", {"messages": MESSAGES}, origin="https://chat.example")
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == "https://chat.example"
    foreign = await ask(browser, "/v1/chat/completions", origin="https://evil.example")
    assert "access-control-allow-origin" not in foreign.headers
