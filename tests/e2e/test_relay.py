"""Real nodes, one of which serves a relay: two that know nothing of each other but an id reach each other through it."""

import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.test_pairing import Pairing, paired, until

pytestmark = pytest.mark.slow


def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Relayed(Pairing):
    """A node that uses a relay, and may serve it."""

    def __init__(self, home: Path, relay: str, *, serves: bool = False) -> None:
        super().__init__(home)
        self.environment["CROFTER_NETWORK_RELAYS"] = f"http://{relay}"
        if serves:
            self.environment["CROFTER_NETWORK_RELAY_LISTEN"] = relay

    def reachability(self) -> dict[str, object]:
        return self.json("network", "status")["reachability"]

    def checks(self) -> dict[str, str]:
        return {check["name"]: check["verdict"] for check in self.json("doctor")}


@pytest.fixture
def nodes(tmp_path: Path) -> Generator[tuple[Relayed, Relayed, Relayed]]:
    """One that serves a relay for those it is paired with, and two."""
    relay = f"127.0.0.1:{free_tcp_port()}"
    made = (
        Relayed(tmp_path / "rob", relay, serves=True),
        Relayed(tmp_path / "ada", relay),
        Relayed(tmp_path / "bea", relay),
    )
    for node in made:
        node.up()
    yield made
    for node in made:
        node.clean_up()


def test_nodes_reach_each_other_through_the_relay_of_one_they_trust(nodes: tuple[Relayed, Relayed, Relayed]) -> None:
    rob, ada, bea = nodes
    paired(ada, rob)
    until(lambda: bool(ada.reachability()["relay"]))
    assert bea.reachability()["relay"] == "", "rob's owner does not know bea yet"
    assert ada.json("pair", bea.id)["problem"] != ""
    assert bea.checks()["relay"] == "warning"
    assert "crofter pair" in bea.run("doctor").stdout

    paired(bea, rob)
    until(lambda: bool(bea.reachability()["relay"]))
    until(lambda: bea.people().get(ada.id) == "asks you")
    bea.run("peers", "accept", ada.id)
    ada.run("message", "bea", "Through rob?")
    assert [message["text"] for message in bea.json("messages")] == ["Through rob?"]
    # Both are on this machine: they have found the direct way meanwhile.
    until(lambda: ada.json("ping", "bea")["path"] == "direct")
    # rob sees them as they are.
    until(lambda: ada.reachability()["nat"] == "open")
    assert ada.reachability()["seen_as"] == [ada.address]

    served = rob.json("network", "status")["reachability"]["served"]
    assert served["clients"] == 3
    assert served["passed"] > 0
    assert served["refused"] > 0
    assert rob.checks()["relay served"] == "ok"
    status = rob.run("network", "status").stdout
    assert "relay served" in status
    assert "3 nodes now" in status

    rob.kill()
    until(lambda: ada.reachability()["relay"] == "")
    ada.run("message", "bea", "Without rob.")
    assert bea.json("messages")[-1]["text"] == "Without rob."
