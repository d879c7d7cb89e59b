"""One request to a node, for either kind of connection."""

from collections.abc import Mapping

import httpx2
import msgspec

from .places import Place

CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 600.0
"""A stream sends a keep-alive far more often; silence this long means that the node hangs."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent."""

    method: str
    path: str
    body: object = None
    query: Mapping[str, str] | None = None
    headers: Mapping[str, str] = {}
    repeatable: bool = False
    """Whether asking twice does no harm."""

    def build(self, http: httpx2.Client | httpx2.AsyncClient) -> httpx2.Request:
        """As `http` sends it."""
        headers, content = dict(self.headers), None
        if self.body is not None:
            headers["Content-Type"], content = "application/json", msgspec.json.encode(self.body)
        return http.build_request(self.method, self.path, content=content, params=self.query, headers=headers)


def authorization(place: Place) -> dict[str, str]:
    """The header that opens a node."""
    return {"Authorization": f"Bearer {place.secret}"} if place.secret else {}


def timeouts(read_seconds: float) -> httpx2.Timeout:
    """A node that is there is reached soon; what it does then takes its time."""
    return httpx2.Timeout(read_seconds, connect=CONNECT_TIMEOUT_SECONDS)
