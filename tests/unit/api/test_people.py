"""The owner's routes to other nodes and pools."""

import msgspec
import pytest

from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio


async def owner(method: str, path: str, body: object = None) -> Reply:
    content = b"" if body is None else msgspec.json.encode(body)
    return await Browser().send(method, f"/crofter/v1{path}", content, {"authorization": "Bearer admin-token"})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "part"),
    [
        ("GET", "/people", None, 200, "Ada"),
        ("POST", "/people", {"id": "croft1-bob", "addresses": ["192.0.2.1:7412"]}, 201, "asked"),
        ("POST", "/people", {"id": "croft1-bob", "addresses": ["x"] * 17}, 400, "addresses"),
        ("GET", "/people/Ada", None, 200, "trusted"),
        ("GET", "/people/Bob", None, 404, "Bob"),
        ("PATCH", "/people/Ada", {"name": "Granny"}, 200, "Granny"),
        ("DELETE", "/people/Ada", None, 200, "stranger"),
        ("POST", "/people/Ada/accept", None, 200, "trusted"),
        ("POST", "/people/Ada/refuse", None, 200, "stranger"),
        ("POST", "/people/Ada/block", None, 200, "blocked"),
        ("GET", "/pairing-code", None, 200, "1234-5678-9012"),
        ("POST", "/pairing-code", None, 201, "1234-5678-9012"),
        ("DELETE", "/pairing-code", None, 200, "true"),
        ("POST", "/pairing-code/typed", {"code": "1234-5678-9012"}, 200, "Ada"),
        ("POST", "/pairing-code/typed", {"code": "1"}, 403, "another"),
        ("GET", "/pools", None, 200, "home"),
        ("POST", "/pools", {"name": "circle"}, 201, "circle"),
        ("GET", "/pools/home", None, 200, "owner"),
        ("GET", "/pools/away", None, 404, "away"),
        ("DELETE", "/pools/home", None, 200, "home"),
        ("POST", "/pools/home/accept", None, 200, "home"),
        ("POST", "/pools/home/invite", {"member": "Bob"}, 200, "Bob"),
        ("POST", "/pools/home/invite", {"member": ""}, 400, "member"),
        ("POST", "/pools/home/remove", {"member": "Bob"}, 200, "home"),
    ],
)
async def test_owners_routes(method: str, path: str, body: object, status: int, part: str) -> None:
    reply = await owner(method, path, body)
    assert (reply.status, part.encode() in reply.body) == (status, True), reply.body


@pytest.mark.parametrize("path", ["/people", "/pairing-code", "/pools", "/invites"])
async def test_they_are_the_owners_only(path: str) -> None:
    assert (await Browser().get(f"/crofter/v1{path}")).status == 401
