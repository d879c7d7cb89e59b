"""Talking to the node of this home, with the administrator token of this run."""

from crofter.client import Client
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, RunningNode


class NodeClient(Client):
    """A client of one running node, which is asked once: that it does not answer is what a command has to say."""

    def __init__(self, node: RunningNode) -> None:
        super().__init__(node.url, node.administrator_token, retries=0)
        self.node = node


def connect(home: Home) -> NodeClient:
    """A client of the node that runs on `home`. Raises NODE_NOT_RUNNING with advice."""
    node = home.running()
    if node is None:
        raise CrofterError(
            ErrorCode.NODE_NOT_RUNNING,
            f"no node runs on {home.root}. Start it with `crofter up` (-d: in the background).",
        )
    return NodeClient(node)
