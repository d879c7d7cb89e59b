"""Models, health, metrics and the owner's routes."""

import msgspec
import pytest

from crofter.api import PullProgress
from crofter.core import CrofterError, ErrorCode
from tests.fakes import FakeAdministration
from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio


async def owner(browser: Browser, method: str, path: str, body: object = None, *, query: str = "") -> Reply:
    content = b"" if body is None else msgspec.json.encode(body)
    headers = {"authorization": "Bearer admin-token"}
    return await browser.send(method, f"/crofter/v1{path}", content, headers, query=query)


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_models_are_listed_and_found_by_name(prefix: str) -> None:
    browser = Browser()
    page = (await browser.get(f"{prefix}/models")).json
    assert page["object"] == "list"
    entry = page["data"][0]
    assert (entry["id"], entry["object"], entry["created"]) == ("seedling", "model", 1_700_000_000)
    assert (await browser.get(f"{prefix}/models/seedling")).json == entry


async def test_unknown_model_name_with_slash_and_colon_is_404() -> None:
    reply = await Browser().get("/v1/models/org/name:tag")
    assert reply.status == 404
    assert reply.json["error"]["code"] == "model_not_found"
    assert "org/name:tag" in reply.json["error"]["message"]


async def test_ready_only_with_a_model_and_before_draining() -> None:
    browser = Browser()
    assert (await browser.get("/health/ready")).status == 200
    await browser.router.drain(0)
    assert (await browser.get("/health/ready")).status == 503
    assert (await browser.get("/health")).status == 200
    empty = FakeAdministration()
    empty.installed = []
    assert (await Browser(administration=empty).get("/health/ready")).status == 503


async def test_metrics_count_requests_tokens_and_times() -> None:
    browser = Browser()
    await browser.chat()
    text = (await browser.get("/metrics")).body.decode()
    assert 'crofter_http_requests_total{method="POST",route="/v1/chat/completions",status="200"} 1.0' in text
    assert 'crofter_tokens_total{kind="completion"} 2.0' in text
    assert "crofter_first_token_seconds_count 1.0" in text
    assert "crofter_active_requests 0.0" in text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/status", None, 200),
        ("GET", "/models", None, 200),
        ("GET", "/models/seedling", None, 200),
        ("GET", "/models/none/such", None, 404),
        ("PATCH", "/models/seedling", {"pinned": True, "capabilities": None}, 200),
        ("PATCH", "/models/seedling", {"pinned": "perhaps"}, 400),
        ("POST", "/aliases", {"name": "seedling", "alias": "small"}, 201),
        ("POST", "/aliases", {"name": "nonesuch", "alias": "small"}, 404),
        ("DELETE", "/models/seedling", None, 200),
        ("GET", "/ps", None, 200),
        ("POST", "/unload", {"name": "seedling"}, 200),
        ("POST", "/unload", {"name": "nonesuch"}, 404),
        ("POST", "/unload", {}, 400),
        ("GET", "/doctor", None, 200),
        ("GET", "/catalogue", None, 200),
        ("POST", "/pull", {"name": "no source"}, 400),
        ("POST", "/verify", {"model": "no name"}, 400),
        ("POST", "/found", {}, 200),
        ("POST", "/found", {"sources": "one"}, 400),
        ("POST", "/import", {"parts": ["/x.gguf"]}, 200),
        ("POST", "/import", {"name": "no parts"}, 400),
        ("POST", "/quantize", {"model": "seedling", "quantization": "Q4_K_M"}, 200),
        ("POST", "/quantize", {"model": "nonesuch", "quantization": "Q4_K_M"}, 404),
        ("GET", "/settings", None, 200),
        ("PUT", "/settings/api.port", {"value": "1"}, 200),
        ("GET", "/keys", None, 200),
        ("POST", "/keys", {"name": "k"}, 201),
        ("POST", "/keys", {"name": "k", "policy": {"scopes": []}}, 400),
        ("POST", "/keys", {"name": "k", "policy": {"tokens_per_day": 0}}, 400),
        ("GET", "/keys/nonesuch", None, 404),
        ("PATCH", "/keys/nonesuch", {"radius": "public"}, 404),
        ("PATCH", "/keys/nonesuch", {"radius": "galaxy"}, 400),
        ("DELETE", "/keys/nonesuch", None, 404),
        ("GET", "/keys/k/usage", None, 200),
    ],
)
async def test_owners_routes_answer(method: str, path: str, body: object, status: int) -> None:
    assert (await owner(Browser(), method, path, body)).status == status


async def test_setting_is_named_by_the_address() -> None:
    reply = await owner(Browser(), "PUT", "/settings/api.port", {"value": "8000"})
    assert (reply.json["key"], reply.json["value"]) == ("api.port", "8000")


async def test_list_of_keys_hands_out_no_secret() -> None:
    browser = Browser()
    created = await owner(browser, "POST", "/keys", {"name": "k"})
    assert created.json["secret"] == "crofter-secret"
    assert b"crofter-secret" not in (await owner(browser, "GET", "/keys")).body


@pytest.mark.parametrize(("query", "days"), [("", 30), ("days=1", 1), ("days=400", 400)])
async def test_usage_is_asked_for_by_days(query: str, days: int) -> None:
    reply = await owner(Browser(), "GET", "/keys/k/usage", query=query)
    assert [(day["name"], day["requests"]) for day in msgspec.json.decode(reply.body)] == [("k", days)]
    assert msgspec.json.decode((await owner(Browser(), "GET", "/usage", query=query)).body)[0]["name"] == "all"


@pytest.mark.parametrize("query", ["days=0", "days=401", "days=-1", "days=x", "days=99999999999"])
async def test_days_that_are_none_are_refused(query: str) -> None:
    assert (await owner(Browser(), "GET", "/keys/k/usage", query=query)).status == 400


async def test_shutdown_asks_the_node_to_stop() -> None:
    browser = Browser()
    assert (await owner(browser, "POST", "/shutdown")).status == 202
    assert browser.administration.stopped


async def test_pull_reports_each_step_as_a_line() -> None:
    browser = Browser()
    browser.administration.pull_steps = [PullProgress(status="copying", done_bytes=1), PullProgress(status="done")]
    reply = await owner(browser, "POST", "/pull", {"source": "/x.gguf"})
    assert reply.headers["content-type"] == "application/x-ndjson"
    steps = [msgspec.json.decode(line, type=PullProgress) for line in reply.body.splitlines()]
    assert steps == browser.administration.pull_steps


async def test_pull_that_fails_at_once_is_a_status_and_later_a_line() -> None:
    browser = Browser()
    error = CrofterError(ErrorCode.DISK_FULL, "no space left; free 3 GB")
    browser.administration.pull_steps = [error]
    assert (await owner(browser, "POST", "/pull", {"source": "/x.gguf"})).status == 507
    browser.administration.pull_steps = [PullProgress(status="copying"), error]
    reply = await owner(browser, "POST", "/pull", {"source": "/x.gguf"})
    assert reply.status == 200
    assert msgspec.json.decode(reply.body.splitlines()[-1])["error"]["code"] == "disk_full"


async def test_tune_reports_what_it_chose() -> None:
    reply = await owner(Browser(), "POST", "/tune", {"name": "seedling", "workload": "reading"})
    assert msgspec.json.decode(reply.body)["chosen"] == {"threads": 2}
    assert (await owner(Browser(), "POST", "/tune", {"name": "x", "workload": "dreaming"})).status == 400
