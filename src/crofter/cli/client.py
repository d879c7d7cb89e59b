"""Talking to the node of this home, with the administrator token of this run."""

from typing import Unpack

from crofter.client import Admin, ChatOptions, Connection, Messages, Place, Stream, chat_request
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, RunningNode

ADMIN = "/crofter/v1"


class NodeClient(Connection):
    """A connection to one running node."""

    def __init__(self, node: RunningNode) -> None:
        super().__init__(Place(url=node.url, secret=node.administrator_token))
        self.node = node
        self.admin = Admin[Connection](self)

    def stream(self, messages: Messages, **options: Unpack[ChatOptions]) -> Stream:
        """An answer while it is written."""
        return Stream(self, chat_request(messages, options))


def connect(home: Home) -> NodeClient:
    """A client of the node that runs on `home`. Raises NODE_NOT_RUNNING with advice."""
    node = home.running()
    if node is None:
        raise CrofterError(
            ErrorCode.NODE_NOT_RUNNING,
            f"no node runs on {home.root}. Start it with `crofter up` (-d: in the background).",
        )
    return NodeClient(node)
