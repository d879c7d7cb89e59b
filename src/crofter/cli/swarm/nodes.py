"""Temporary nodes on this machine: made, paired with each other, ended without a trace, also those of a run that was killed."""

import os
import secrets
import shutil
import signal
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import combinations
from pathlib import Path

from crofter.api import NewPerson
from crofter.cli.client import NodeClient
from crofter.cli.start import start_detached
from crofter.cli.stop import gone, stop_node
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, change_stored_setting, held

_NETWORK_SECONDS = 30.0
_STARTING_SECONDS = 20.0
"""Until a node that was left while it started says which process it is, or ends."""
_KILLED_SECONDS = 5.0
_POLL_SECONDS = 0.1


class TrialNode:
    """A node that runs, and a client of it."""

    def __init__(self, name: str, home: Home, client: NodeClient) -> None:
        self.name = name
        self.home = home
        self.client = client
        identity = client.admin.identity()
        self.id, self.fingerprint = identity.id, identity.fingerprint


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Be the only command that makes or ends temporary nodes below `folder`; raises CONFLICT if there is another."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with held(folder / "lock", lambda: "another `crofter swarm` is running; wait until it has ended, or stop it."):
        yield


def started(folder: Path, settings: Mapping[str, Mapping[str, str]]) -> list[TrialNode]:
    """Start a node for each name, all at once, with settings of its own and nothing of the user's. Raises as `start_detached`."""
    run_folder = folder / f"run-{secrets.token_hex(4)}"

    def start(name: str) -> TrialNode:
        home = Home(run_folder / name)
        for key, value in {"node.name": name, **settings[name]}.items():
            change_stored_setting(home, key, value)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CROFTER_")}
        # Where it notes which identities run belongs to the run too.
        environment["XDG_STATE_HOME"] = str(run_folder / "state")
        return TrialNode(name, home, NodeClient(start_detached(home, (), None, environment)))

    with ThreadPoolExecutor(len(settings)) as threads:
        return list(threads.map(start, settings))


def paired(nodes: Sequence[TrialNode]) -> None:
    """Let nodes trust each other, as their owners would. Raises what pairing raises."""
    addresses = {node.name: _addresses(node) for node in nodes}
    for one, other in combinations(nodes, 2):
        one.client.admin.pair(NewPerson(id=other.id, name=other.name, addresses=addresses[other.name]))
        other.client.admin.pair(NewPerson(id=one.id, name=one.name, addresses=addresses[one.name]))


def end(nodes: Iterable[TrialNode]) -> None:
    """Stop nodes, and delete their homes."""
    _end([node.home for node in nodes])


def end_all(folder: Path) -> int:
    """Stop every node below `folder` and delete all of it; says how many ran."""
    homes = [Home(place) for place in folder.glob("run-*/*") if (place / "run").is_dir()]
    running = sum(home.is_locked() for home in homes)
    _end(homes)
    for run_folder in folder.glob("run-*"):
        shutil.rmtree(run_folder, ignore_errors=True)
    return running


def _end(homes: Sequence[Home]) -> None:
    if homes:
        with ThreadPoolExecutor(len(homes)) as threads:
            list(threads.map(_end_one, homes))


def _end_one(home: Home) -> None:
    deadline = time.monotonic() + _STARTING_SECONDS
    while home.is_locked() and (node := home.running()) is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    if home.is_locked() and (node := home.running()) is not None:
        with suppress(CrofterError), NodeClient(node) as client:
            stop_node(home, client)
        if home.is_locked():
            # Nobody else will: the lock proves that it is that process still.
            os.kill(node.pid, signal.SIGKILL)
            gone(home, _KILLED_SECONDS)
    shutil.rmtree(home.root, ignore_errors=True)


def _addresses(node: TrialNode) -> tuple[str, ...]:
    deadline = time.monotonic() + _NETWORK_SECONDS
    while (network := node.client.admin.network()).state == "starting" and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    if network.state != "ready":
        raise CrofterError(
            ErrorCode.PEER_UNREACHABLE,
            f"the temporary node {node.name} did not come on the network: {network.problem or network.state}."
            " `crofter doctor` says whether nodes can work here.",
        )
    return network.addresses
