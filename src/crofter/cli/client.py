"""Talking to the node of this home, with the administrator token of this run."""

from collections.abc import Generator

from crofter.client import Connection, Place, Request
from crofter.core import CrofterError, ErrorCode, Radius
from crofter.node import Home, RunningNode

ADMIN = "/crofter/v1"


class NodeClient(Connection):
    """A connection to one running node."""

    def __init__(self, node: RunningNode) -> None:
        super().__init__(Place(url=node.url, secret=node.administrator_token))
        self.node = node
        self.radius: Radius | None = None
        """How far questions to models may travel; None: as the node's settings say."""

    def lines(self, path: str, body: object) -> Generator[bytes]:
        """As of any connection, with the radius."""
        headers = {} if self.radius is None else {"x-crofter-radius": self.radius}
        return self.streamed(Request(method="POST", path=path, body=body, headers=headers))


def connect(home: Home) -> NodeClient:
    """A client of the node that runs on `home`. Raises NODE_NOT_RUNNING with advice."""
    node = home.running()
    if node is None:
        raise CrofterError(
            ErrorCode.NODE_NOT_RUNNING,
            f"no node runs on {home.root}. Start it with `crofter up` (-d: in the background).",
        )
    return NodeClient(node)
