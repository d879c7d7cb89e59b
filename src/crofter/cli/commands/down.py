"""`crofter down`: stop the node and wait until it is gone."""

import os
import signal
import time

import click

from crofter.cli.client import connect
from crofter.cli.output import say
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home

STOP_TIMEOUT_SECONDS = 30.0


@click.command("down")
def down_command() -> None:
    """Stop the node. Running answers get a few seconds to finish."""
    home = Home.from_environment()
    with connect(home) as client:
        node = client.node
        try:
            client.admin.shut_down()
        except CrofterError:
            # It hangs or refuses; it is still ours to stop, and the lock proves that the process id is not stale.
            if home.is_locked():
                os.kill(node.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while home.is_locked():
        if time.monotonic() > deadline:
            raise CrofterError(
                ErrorCode.TIMED_OUT,
                f"process {node.pid} is still stopping; `crofter logs` may say why, `kill -9 {node.pid}` ends it.",
            )
        time.sleep(0.05)
    say("stopped.")
