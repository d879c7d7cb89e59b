"""Host, Origin and keys. Each test is an attack or a legitimate client that must not be taken for one."""

import pytest

from crofter.api import ApiSettings, KeyRequest
from tests.fakes import FakeAdministration
from tests.unit.api.browser import PORT, Browser, Reply

pytestmark = pytest.mark.anyio

CHAT = {"messages": [{"role": "user", "content": "Hi"}]}


async def models(browser: Browser, **headers: str) -> Reply:
    return await browser.get("/v1/models", **headers)


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
async def test_loopback_names_with_our_port_pass(host: str) -> None:
    assert (await models(Browser(), host=host)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        f"evil.example:{PORT}",
        "localhost",
        "localhost:80",
        f"localhost:{PORT}.evil.example",
        "127.0.0.1:7412",
    ],
)
async def test_other_host_headers_are_refused(host: str) -> None:
    reply = await models(Browser(), host=host)
    assert reply.status == 403
    assert reply.json["error"]["code"] == "forbidden"


async def test_address_the_connection_came_in_by_is_ours_but_a_name_is_not() -> None:
    browser = Browser(settings=ApiSettings(host="0.0.0.0"), administration=FakeAdministration(keys=["k"]))
    headers = {"authorization": "Bearer k"}
    for server, status in ((("192.168.1.5", PORT), 200), (("rebound.example", PORT), 403)):
        host = f"{server[0]}:{PORT}"
        reply = await browser.send("GET", "/v1/models", b"", {**headers, "host": host}, server=server)
        assert reply.status == status


async def test_configured_name_passes_with_and_without_port() -> None:
    browser = Browser(settings=ApiSettings(allowed_hosts=("ai.home",)))
    assert (await models(browser, host="ai.home")).status == 200
    assert (await models(browser, host=f"ai.home:{PORT}")).status == 200
    assert (await models(browser, host="ai.home.evil.example")).status == 403


@pytest.mark.parametrize(
    "origin", ["null", "https://evil.example", "http://localhost:3000", f"https://127.0.0.1:{PORT}", "http://127.0.0.1"]
)
async def test_foreign_origins_are_refused(origin: str) -> None:
    assert (await models(Browser(), origin=origin)).status == 403


async def test_null_origin_cannot_be_configured() -> None:
    assert (await models(Browser(settings=ApiSettings(allowed_origins=("null",))), origin="null")).status == 403


async def test_own_page_and_configured_page_pass() -> None:
    browser = Browser(settings=ApiSettings(allowed_origins=("https://chat.example",)))
    assert (await models(browser, origin=f"http://127.0.0.1:{PORT}")).status == 200
    reply = await models(browser, origin="https://chat.example")
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == "https://chat.example"
    assert reply.headers["access-control-expose-headers"] == "*"


async def test_configured_page_may_ask_before_it_sends() -> None:
    browser = Browser(settings=ApiSettings(allowed_origins=("https://chat.example",)))
    reply = await browser.send("OPTIONS", "/v1/chat/completions", b"", {"origin": "https://chat.example"})
    assert reply.status == 200
    assert "authorization" in reply.headers["access-control-allow-headers"]
    assert (await browser.send("OPTIONS", "/v1/models", b"", {"origin": "https://evil.example"})).status == 403


async def test_no_key_is_needed_on_loopback_until_one_exists() -> None:
    administration = FakeAdministration()
    browser = Browser(administration=administration)
    assert (await models(browser, authorization="Bearer anything")).status == 200
    administration.create_key(KeyRequest(name="first"))
    assert (await models(browser)).status == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer \xe9"}, 401),
        ({"authorization": "Bearer right"}, 200),
        ({"authorization": "bearer right"}, 200),
        ({"x_api_key": "right"}, 200),
        ({"authorization": "Bearer admin-token"}, 200),
    ],
)
async def test_key_is_checked_once_one_exists(headers: dict[str, str], status: int) -> None:
    reply = await models(Browser(administration=FakeAdministration(keys=["right"])), **headers)
    assert reply.status == status
    if status == 401:
        assert reply.json["error"]["type"] == "authentication_error"
        assert reply.headers["www-authenticate"] == "Bearer"


async def test_other_bind_demands_a_key_even_if_none_exists() -> None:
    browser = Browser(settings=ApiSettings(host="0.0.0.0"))
    assert (await models(browser)).status == 401
    assert (await browser.get("/health")).status == 200
    assert (await browser.get("/metrics")).status == 401


@pytest.mark.parametrize("path", ["/crofter/v1/status", "/crofter/v1/keys", "/crofter/v1/nonesuch", "/crofter/"])
async def test_owners_routes_need_the_administrator_token(path: str) -> None:
    browser = Browser(administration=FakeAdministration(keys=["right"]))
    assert (await browser.get(path)).status == 401
    assert (await browser.get(path, authorization="Bearer wrong")).status == 401
    assert (await browser.get(path, authorization="Bearer right")).status == 403
    assert (await browser.get(path, authorization="Bearer admin-token")).status in {200, 404}


async def test_announced_oversize_body_is_refused_before_it_is_read() -> None:
    browser = Browser(settings=ApiSettings(max_body_bytes=100))
    reply = await browser.send("POST", "/v1/chat/completions", b"{}", {"content_length": "101"})
    assert reply.status == 413
    assert reply.json["error"]["code"] == "request_too_large"


async def test_chunked_oversize_body_is_refused_while_it_comes() -> None:
    browser = Browser(settings=ApiSettings(max_body_bytes=100))
    pieces = [b" " * 60, b" " * 60, b" " * 60]
    reply = await browser.send("POST", "/v1/chat/completions", b"", {}, body_pieces=pieces)
    assert reply.status == 413


async def test_refused_requests_never_reach_the_backend() -> None:
    browser = Browser(administration=FakeAdministration(keys=["right"]))
    await browser.post("/v1/chat/completions", CHAT)
    await browser.post("/v1/chat/completions", CHAT, authorization="Bearer right", origin="https://evil.example")
    assert browser.backend.requests == []
