"""Which node is meant, and the secret that opens it."""

import os

import msgspec

from crofter.core import CrofterError, ErrorCode
from crofter.node import Home


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A node's address and what to show it."""

    url: str
    secret: str = ""
    """An API key or the administrator's token; empty: none is needed."""


def found_place(base_url: str | None, api_key: str | None) -> Place:
    """The node that is named, else CROFTER_URL's, else the one that runs on this user's home.

    A key that is given, here or in CROFTER_API_KEY, is used. Otherwise the node of this home, and no other, gets the
    administrator's token that it announces there. Raises NODE_NOT_RUNNING if none is named and none runs.
    """
    url = base_url or os.environ.get("CROFTER_URL", "")
    key = api_key or os.environ.get("CROFTER_API_KEY", "")
    if url:
        return Place(url=url.rstrip("/").removesuffix("/v1"), secret=key)
    home = Home.from_environment()
    node = home.running()
    if node is None:
        raise CrofterError(
            ErrorCode.NODE_NOT_RUNNING,
            f"no node runs on {home.root}. Start it with `crofter up -d`, or say which one: Client(base_url) or CROFTER_URL.",
        )
    return Place(url=node.url, secret=key or node.administrator_token)
