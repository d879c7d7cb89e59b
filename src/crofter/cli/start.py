"""Starting a node in the background and waiting until it can answer."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import click

from crofter.cli.client import NodeClient
from crofter.cli.passphrases import Passphrases
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, RunningNode

START_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.05
TAIL_LINES = 15


def ensure_node() -> NodeClient:
    """A client of this home's node, started in the background first when none runs. Raises CrofterError when it does not start."""
    home = Home.from_environment()
    return NodeClient(home.running() or start_detached(home, (), Passphrases().to_start(home)))


def start_detached(
    home: Home,
    arguments: Sequence[str],
    passphrase: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> RunningNode:
    """Start `crofter up` in a session of its own and wait until it announces itself; the identity's passphrase goes by a pipe.

    `environment`: what it sees instead of this process's; said here is then nothing.
    Raises CONFIG_INVALID, CONFLICT or what the node said, with the end of its log, when it stops before that.
    """
    home.prepare()
    # One may be starting or stopping just now.
    if (node := _wait_for_other(home)) is not None:
        return node
    if environment is None:
        click.echo("starting the node …", err=True)
    command = [sys.executable, "-m", "crofter", "--home", str(home.root), "up", "--background", *arguments]
    handed_over = subprocess.DEVNULL
    if passphrase:
        command.append("--passphrase-from-stdin")
        handed_over = subprocess.PIPE
    with home.start_log_file.open("wb") as output:
        home.start_log_file.chmod(0o600)
        process = subprocess.Popen(
            command,
            stdin=handed_over,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=home.root,
            env=environment,
        )
    if passphrase and process.stdin is not None:
        # One that has ended already is found out below, with what it said.
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(f"{passphrase}\n".encode(errors="surrogateescape"))
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        node = home.running()
        if node is not None:
            return node
        if process.poll() is not None:
            # Two commands may start a node at once; the one that lost uses the winner's.
            if (node := _wait_for_other(home)) is not None:
                return node
            raise CrofterError(ErrorCode.NODE_NOT_RUNNING, f"the node did not start:\n{_tail(home)}")
        time.sleep(POLL_SECONDS)
    process.terminate()
    raise CrofterError(
        ErrorCode.TIMED_OUT, f"the node was not ready after {START_TIMEOUT_SECONDS:.0f} s:\n{_tail(home)}"
    )


def _wait_for_other(home: Home) -> RunningNode | None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if (node := home.running()) is not None:
            return node
        if not home.is_locked():
            return None
        time.sleep(POLL_SECONDS)
    return None


def _tail(home: Home) -> str:
    lines = home.start_log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines) or f"  it said nothing; see {home.log_file}"
