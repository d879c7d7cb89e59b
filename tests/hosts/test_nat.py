"""Homes behind routers, and two relays on the internet with observers beside them: who finds a direct way, and who stays relayed.

Every line takes 20 ms, but for the second relay's, so that both nodes of a pair are reached through the first.
"""

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.test_pairing import until
from tests.hosts.conftest import Measured
from tests.hosts.namespaces import Namespace
from tests.hosts.nodes import HostNode, RelayNode
from tests.hosts.programs import Program
from tests.hosts.topology import NODE_PORT, Nat, Networks

pytestmark = pytest.mark.slow

DELAY_MS = 20.0
SECOND_RELAY_MS = 40.0
LOOKED_SECONDS = 4.0
"""How long a stream is watched that should stay relayed."""
KINDS: dict[Nat, str] = {"full cone": "mapped", "port-restricted cone": "mapped", "symmetric": "symmetric"}
"""What the node calls them: that strangers get in makes no difference to it."""


class Internet(NamedTuple):
    """What all tests share: relays and what makes homes."""

    networks: Networks
    middle: Namespace
    relays: tuple[RelayNode, ...]

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(relay.url for relay in self.relays)


@contextmanager
def internet_with_relays(folder: Path) -> Generator[Internet]:
    with Networks() as networks, ExitStack() as stack:
        middle, relays = networks.router("internet"), []
        for name, delay_ms in (("west", DELAY_MS), ("east", SECOND_RELAY_MS)):
            machine = networks.machine(name)
            address, _ = networks.join(middle, machine, delay_ms=delay_ms)
            relays.append(RelayNode(folder, machine, address))
            stack.callback(relays[-1].clean_up)
            relays[-1].up()
        yield Internet(networks, middle, tuple(relays))


@pytest.fixture(scope="module")
def internet(allowed: None, tmp_path_factory: pytest.TempPathFactory) -> Generator[Internet]:
    with internet_with_relays(tmp_path_factory.mktemp("relays")) as made:
        yield made


@pytest.fixture(scope="module")
def homes(internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, HostNode]]:
    """By name."""
    nats: dict[str, Nat] = {
        "ada": "port-restricted cone",
        "bob": "port-restricted cone",
        "cleo": "symmetric",
        "dora": "symmetric",
    }
    with ExitStack() as stack:
        made = {
            name: stack.enter_context(home(internet, name, nat, tmp_path_factory.mktemp(name)))
            for name, nat in nats.items()
        }
        for name, nat in nats.items():
            wait_for_nat(made[name], nat)
        yield made


@contextmanager
def home(internet: Internet, name: str, nat: Nat, folder: Path) -> Generator[HostNode]:
    """A node that knows the relays and nothing else."""
    machine, address = internet.networks.home(internet.middle, name, nat, delay_ms=DELAY_MS)
    node = HostNode(folder, machine, address, internet.urls)
    try:
        node.up()
        yield node
    finally:
        node.clean_up()


def wait_for_nat(node: HostNode, nat: Nat) -> None:
    """Until it has found out, with the observers' help, what kind of NAT it is behind."""
    until(lambda: node.reachability()["nat"] == KINDS[nat])


def pair(one: HostNode, other: HostNode) -> None:
    """By id alone: there is nothing but the relay to find the other one with."""
    assert one.json("pair", other.id)["problem"] == ""
    other.run("peers", "accept", one.id)


def path(one: HostNode, other: HostNode) -> str:
    return one.json("ping", other.id)["path"]


def test_two_nodes_behind_cone_nats_find_a_direct_way_by_themselves(homes: dict[str, HostNode]) -> None:
    """They meet at the relay, and nobody told them anything but each other's id."""
    ada, bob = homes["ada"], homes["bob"]
    assert ada.reachability()["seen_as"] == [ada.address]
    pair(ada, bob)
    until(lambda: path(ada, bob) == path(bob, ada) == "direct", 15.0)
    ping = ada.json("ping", bob.id)
    assert (ping["address"], ping["seen_at"]) == (bob.address, ada.address)
    ada.run("message", bob.id, "Straight to you.")
    assert [message["text"] for message in bob.json("messages")] == ["Straight to you."]


@pytest.mark.parametrize(("one", "other"), [("cleo", "dora"), ("cleo", "bob")])
def test_behind_a_symmetric_nat_the_relay_carries_and_says_so(homes: dict[str, HostNode], one: str, other: str) -> None:
    """Also if only one of two has such a NAT, and the other a port-restricted one."""
    cleo, peer = homes[one], homes[other]
    pair(cleo, peer)
    cleo.run("message", peer.id, "By way of the relay.")
    assert "By way of the relay." in [message["text"] for message in peer.json("messages")]
    assert path(cleo, peer) == path(peer, cleo) == "relayed"


@pytest.mark.parametrize(
    ("asker", "answerer", "expected"),
    [
        ("port-restricted cone", "port-restricted cone", "direct"),
        ("full cone", "full cone", "direct"),
        ("full cone", "symmetric", "direct"),
        ("symmetric", "full cone", "direct"),
        ("port-restricted cone", "symmetric", "relayed"),
        ("symmetric", "port-restricted cone", "relayed"),
        ("symmetric", "symmetric", "relayed"),
    ],
)
def test_a_stream_through_two_nats(
    internet: Internet, asker: Nat, answerer: Nat, expected: str, measured: Measured, request: pytest.FixtureRequest
) -> None:
    """It runs over the relay from its first message on, and goes over to the direct way while it runs, where there is one."""
    number = request.node.callspec.indices["asker"]
    with ExitStack() as stack:

        def program(name: str, nat: Nat, seed: int, *more: str) -> Program:
            machine, address = internet.networks.home(internet.middle, f"{name}{number}", nat, delay_ms=DELAY_MS)
            seen = () if nat == "symmetric" else ("--announce", f"{address}:{NODE_PORT}")
            arguments = (str(seed), "--relay", internet.urls[0], *seen, *more)
            return stack.enter_context(Program(machine, "streaming.py", *arguments))

        answering = program("answerer", answerer, 2)
        ticks = program("asker", asker, 1, "--watch", answering.json()["id"])
        ticks.line()
        seen, began = ticks.json()["path"], time.monotonic()
        while seen != "direct" and time.monotonic() < began + LOOKED_SECONDS:
            seen = ticks.json()["path"]
        assert seen == expected
        if seen == "direct":
            measured(f"direct {time.monotonic() - began:.2f} s after the first message")


def test_a_stream_goes_on_when_the_node_that_answers_moves_to_another_network(
    internet: Internet, measured: Measured
) -> None:
    """Nobody at the old line tells the asker where it went; the relay that both use does."""
    asker, answerer = (internet.networks.machine(name) for name in ("asker", "answerer"))
    for machine in (asker, answerer):
        internet.networks.join(internet.middle, machine, delay_ms=DELAY_MS)
    with ExitStack() as stack:
        relay = ("--relay", internet.urls[0])
        peer = stack.enter_context(Program(answerer, "streaming.py", "2", *relay)).json()["id"]
        ticks = stack.enter_context(Program(asker, "streaming.py", "1", *relay, "--watch", peer))
        ticks.line()
        while ticks.json()["path"] != "direct":
            pass
        internet.networks.roam(internet.middle, answerer, delay_ms=DELAY_MS)
        numbers: list[int] = []
        longest = 0.0
        for _ in range(60):
            began = time.monotonic()
            numbers.append(ticks.json()["number"])
            longest = max(longest, time.monotonic() - began)
        measured(f"silent for {longest:.2f} s")
        assert numbers == list(range(numbers[0], numbers[0] + 60))


def test_when_a_relay_dies_its_nodes_meet_at_the_other(allowed: None, tmp_path: Path, measured: Measured) -> None:
    with (
        internet_with_relays(tmp_path) as internet,
        home(internet, "ada", "symmetric", tmp_path) as ada,
        home(internet, "bob", "symmetric", tmp_path) as bob,
    ):
        for node in (ada, bob):
            wait_for_nat(node, "symmetric")
        pair(ada, bob)
        west, east = internet.relays
        assert {node.reachability()["relay"].rstrip("/") for node in (ada, bob)} == {west.url}
        west.kill()
        began = time.monotonic()
        until(lambda: all(node.reachability()["relay"].rstrip("/") == east.url for node in (ada, bob)), 120.0)
        measured(f"both at the other relay after {time.monotonic() - began:.0f} s")
        ada.run("message", bob.id, "Over here now.")
        assert [message["text"] for message in bob.json("messages")] == ["Over here now."]
