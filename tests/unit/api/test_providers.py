"""The owner's routes to providers, and how far a request may travel."""

import msgspec
import pytest

from crofter.core import Way
from tests.fakes import FakeBackend
from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio


async def owner(method: str, path: str, body: object = None) -> Reply:
    content = b"" if body is None else msgspec.json.encode(body)
    return await Browser().send(method, f"/crofter/v1{path}", content, {"authorization": "Bearer admin-token"})


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/known-providers", None, 200),
        ("GET", "/providers", None, 200),
        ("POST", "/providers", {"name": "far", "key": "sk-secret"}, 201),
        ("GET", "/providers/near", None, 200),
        ("GET", "/providers/far", None, 404),
        ("PATCH", "/providers/near", {"enabled": False}, 200),
        ("PATCH", "/providers/near", {"radius": "everywhere"}, 400),
        ("DELETE", "/providers/near", None, 200),
        ("POST", "/providers/near/models", None, 200),
        ("POST", "/providers/near/test", {"model": "m"}, 200),
    ],
)
async def test_owners_routes(method: str, path: str, body: object, status: int) -> None:
    reply = await owner(method, path, body)
    assert reply.status == status
    assert b"sk-secret" not in reply.body


async def test_providers_are_the_owners_only() -> None:
    assert (await Browser().get("/crofter/v1/providers")).status == 401


class FarBackend(FakeBackend):
    """Like a provider in the cloud."""

    def ways(self, model: object) -> tuple[Way, ...]:
        return (
            Way(backend="far", radius="public", ran_on=("far (api.example.com)",), readable_by=("this node", "far")),
        )


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat", "/v1/responses"])
async def test_no_dialect_sends_anything_far_by_itself(path: str) -> None:
    browser = Browser(FarBackend())
    body = {"model": "seedling", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "input": "Hi"}
    refused = await browser.post(path, body)
    assert refused.status == 403
    assert b"x-crofter-radius: public" in refused.body
    assert browser.backend.requests == []
    assert (await browser.post(path, body, x_crofter_radius="public")).status == 200
    assert len(browser.backend.requests) == 1


async def test_an_answer_from_far_says_so() -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    reply = await Browser(FarBackend()).post("/v1/chat/completions", body, x_crofter_radius="public")
    provenance = reply.json["crofter"]["provenance"]
    assert provenance["ran_on"] == ["far (api.example.com)"]
    assert provenance["readable_by"] == ["this node", "far"]
    assert provenance["radius"] == "public"
    assert reply.headers["x-crofter-backend"] == "far"
