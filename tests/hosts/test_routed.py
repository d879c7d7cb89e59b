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


class Routed(NamedTuple):
    """Two nodes that have not been paired; it is bob's line that things happen to."""

    internet: Namespace
    ada: HostNode
    bob: HostNode
    bobs_machine: Namespace
    bobs_line: Line

    def pair(self) -> tuple[HostNode, HostNode]:
        """They trust each other, and each has been told where the other is."""
        assert self.ada.ask(self.bob)["problem"] == ""
        assert self.bob.ask(self.ada)["state"] == "trusted"
        return self.ada, self.bob


@pytest.fixture
def routed(networks: Networks, tmp_path: Path) -> Generator[Routed]:
    internet, adas, bobs = networks.router("internet"), networks.machine("ada"), networks.machine("bob")
    adas_address, _ = networks.join(internet, adas, delay_ms=DELAY_MS)
    bobs_address, line = networks.join(internet, bobs, delay_ms=DELAY_MS)
    ada, bob = HostNode(tmp_path, adas, adas_address), HostNode(tmp_path, bobs, bobs_address)
    try:
        ada.up()
        bob.up()
        yield Routed(internet, ada, bob, bobs, line)
    finally:
        ada.clean_up()
        bob.clean_up()


def texts(node: Commands) -> list[str]:
    return [message["text"] for message in node.json("messages")]


def test_two_nodes_pair_across_a_routed_internet_and_talk_directly(routed: Routed, measured: Measured) -> None:
    """`crofter pair ID --at` on both sides, `ping` and `message`, with the round trip that the lines have."""
    ada, bob = routed.pair()
    ping = ada.json("ping", "bob")
    measured(f"ping {ping['milliseconds']:.1f} ms over lines with a round trip of {ROUND_TRIP_MS:g} ms")
    assert (ping["path"], ping["address"], ping["seen_at"]) == ("direct", bob.address, ada.address)
    assert ROUND_TRIP_MS <= ping["milliseconds"] < 3 * ROUND_TRIP_MS
    ada.run("message", "bob", "Hello over there!")
    bob.run("message", "ada", "Hello back.")
    assert (texts(bob), texts(ada)) == (["Hello over there!"], ["Hello back."])


def test_a_partition_heals(routed: Routed, measured: Measured) -> None:
    """While the line is cut a message is refused, soon and with words; after that the same nodes talk as before."""
    ada, bob = routed.pair()
    ada.run("message", "bob", "Before.")
    routed.bobs_line.cut()
    for expected in ("silent", "did not answer"):
        began = time.monotonic()
        refused = ada.run("message", "bob", "During.", code=1)
        measured(f"{time.monotonic() - began:.1f} s: {refused.stderr.strip()}")
        assert time.monotonic() - began < BOUND_SECONDS
        assert expected in refused.stderr
    routed.bobs_line.heal()
    ada.run("message", "bob", "After.")
    assert texts(bob) == ["Before.", "After."]
    bob.run("message", "ada", "And back.")
    assert texts(ada) == ["And back."]


def test_who_was_cut_off_hears_of_a_request_when_the_line_is_whole_again(routed: Routed) -> None:
    routed.bobs_line.cut()
    assert routed.ada.ask(routed.bob)["problem"]
    assert routed.bob.people() == {}
    routed.bobs_line.heal()
    until(lambda: routed.bob.people() == {routed.ada.id: "asks you"})
