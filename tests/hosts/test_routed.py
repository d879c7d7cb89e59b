"""Two real nodes, each on a machine of its own, with an internet between them on which a packet takes 40 ms."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.commands import Commands
from tests.e2e.test_pairing import until
from tests.hosts.conftest import Measured
from tests.hosts.namespaces import Namespace
from tests.hosts.nodes import HostNode
from tests.hosts.topology import Line, Networks

pytestmark = pytest.mark.slow

DELAY_MS = 20.0
ROUND_TRIP_MS = 4 * DELAY_MS
BOUND_SECONDS = 20.0
"""Far above what a refusal takes (4 s, and 10 at most), and below QUIC's own 30."""


class Site(NamedTuple):
    """A node, its machine, and the line it hangs on."""

    node: HostNode
    machine: Namespace
    line: Line


@pytest.fixture
def sites(networks: Networks, tmp_path: Path) -> Generator[tuple[Site, Site]]:
    """Two that have not been paired."""
    internet = networks.router("internet")
    made: list[Site] = []
    for name in ("ada", "bob"):
        machine = networks.machine(name)
        address, line = networks.join(internet, machine, delay_ms=DELAY_MS)
        made.append(Site(HostNode(tmp_path, machine, address), machine, line))
    for site in made:
        site.node.up()
    yield made[0], made[1]
    for site in made:
        site.node.clean_up()


def texts(node: Commands) -> list[str]:
    return [message["text"] for message in node.json("messages")]


def pair(ada: HostNode, bob: HostNode) -> None:
    assert ada.ask(bob)["problem"] == ""
    bob.run("peers", "accept", ada.id)


def test_two_nodes_pair_across_a_routed_internet_and_talk_directly(
    sites: tuple[Site, Site], measured: Measured
) -> None:
    """`crofter pair ID --at`, `peers accept`, `ping` and `message`, with the round trip that the lines have."""
    ada, bob = sites[0].node, sites[1].node
    pair(ada, bob)
    ping = ada.json("ping", "bob")
    measured(f"round trip {ping['milliseconds']:.1f} ms over lines with {ROUND_TRIP_MS:g} ms")
    assert (ping["path"], ping["address"], ping["seen_at"]) == ("direct", bob.address, ada.address)
    assert ROUND_TRIP_MS <= ping["milliseconds"] < 3 * ROUND_TRIP_MS
    ada.run("message", "bob", "Hello over there!")
    bob.run("message", "ada", "Hello back.")
    assert (texts(bob), texts(ada)) == (["Hello over there!"], ["Hello back."])


def test_a_partition_heals(sites: tuple[Site, Site], measured: Measured) -> None:
    """While the line is cut a message is refused, soon and with words; after that the same nodes talk as before."""
    ada, bob = sites[0].node, sites[1].node
    pair(ada, bob)
    ada.run("message", "bob", "Before.")
    sites[1].line.cut()
    for expected in ("silent", "did not answer"):
        began = time.monotonic()
        refused = ada.run("message", "bob", "During.", code=1)
        measured(f"{time.monotonic() - began:.1f} s: {refused.stderr.strip()}")
        assert time.monotonic() - began < BOUND_SECONDS
        assert expected in refused.stderr
    sites[1].line.heal()
    ada.run("message", "bob", "After.")
    assert texts(bob) == ["Before.", "After."]
    bob.run("message", "ada", "And back.")
    assert texts(ada) == ["And back."]


def test_who_was_cut_off_hears_of_a_decision_when_the_line_is_whole_again(sites: tuple[Site, Site]) -> None:
    ada, bob = sites[0].node, sites[1].node
    sites[1].line.cut()
    assert ada.ask(bob)["problem"]
    assert bob.people() == {}
    sites[1].line.heal()
    until(lambda: bob.people() == {ada.id: "asks you"})
