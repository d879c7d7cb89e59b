"""The owner's routes to invites and private networks."""

import pytest

from tests.unit.api.test_people import owner

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "part"),
    [
        ("GET", "/invites", None, 200, "00ff00ff"),
        ("POST", "/invites", {"uses": 3}, 201, "crofter-invite:"),
        ("POST", "/invites", {"uses": 257}, 400, "uses"),
        ("POST", "/invites", {"days": 8}, 400, "days"),
        ("DELETE", "/invites/00ff00ff", None, 200, "croft1-bob"),
        ("DELETE", "/invites/other", None, 404, "other"),
        ("POST", "/join", {"text": "crofter-invite:abc", "switch": True}, 200, "Ada"),
        ("POST", "/join", {"text": "crofter-invite:abc"}, 409, "another network"),
        ("POST", "/join", {"text": "x" * 4001}, 400, "text"),
        ("POST", "/private-network", None, 201, "00112233aabbccdd"),
        ("DELETE", "/private-network", None, 409, "no private network"),
    ],
)
async def test_owners_routes(method: str, path: str, body: object, status: int, part: str) -> None:
    reply = await owner(method, path, body)
    assert (reply.status, part.encode() in reply.body) == (status, True), reply.body
