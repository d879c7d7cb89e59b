"""Stopping a node and waiting until it is gone."""

import os
import signal
import time

from crofter.cli.client import NodeClient
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home

STOP_TIMEOUT_SECONDS = 30.0
_POLL_SECONDS = 0.05


def stop_node(home: Home, client: NodeClient) -> None:
    """Ask the node of a home to stop, by a signal if it does not hear, and wait. Raises TIMED_OUT."""
    node = client.node
    try:
        client.admin.shut_down()
    except CrofterError:
        # It hangs or refuses; it is still ours to stop, and the lock proves that the process id is not stale.
        if home.is_locked():
            os.kill(node.pid, signal.SIGTERM)
    if not gone(home, STOP_TIMEOUT_SECONDS):
        raise CrofterError(
            ErrorCode.TIMED_OUT,
            f"process {node.pid} is still stopping; `crofter logs` may say why, `kill -9 {node.pid}` ends it.",
        )


def gone(home: Home, wait_seconds: float) -> bool:
    """Wait until no node owns a home; False if that took too long."""
    deadline = time.monotonic() + wait_seconds
    while home.is_locked():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
