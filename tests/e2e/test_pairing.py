"""Real nodes that pair by id and by code, form a pool, and part; and strangers that ask."""

import re
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_network import NetworkNode

pytestmark = pytest.mark.slow


class Pairing(NetworkNode):
    """A node called by the name of its home."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.environment["CROFTER_NODE_NAME"] = home.name

    def people(self) -> dict[str, str]:
        """State of each node it knows, by id."""
        return {peer["id"]: "asks you" if peer["asked_us"] else peer["standing"] for peer in self.json("peers")}

    def ask(self, other: "Pairing") -> dict[str, Any]:
        return self.json("pair", other.id, "--at", other.address)


@pytest.fixture
def nodes(tmp_path: Path) -> Generator[tuple[Pairing, Pairing, Pairing]]:
    made = Pairing(tmp_path / "ada"), Pairing(tmp_path / "bob"), Pairing(tmp_path / "cleo")
    for node in made:
        node.up()
    yield made
    for node in made:
        node.clean_up()


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def paired(one: Pairing, other: Pairing) -> None:
    one.ask(other)
    other.run("peers", "accept", one.id)
    assert (one.people()[other.id], other.people()[one.id]) == ("trusted", "trusted")


def test_pairing_by_id_takes_both_owners(nodes: tuple[Pairing, Pairing, Pairing]) -> None:
    ada, bob, _ = nodes
    asked = ada.ask(bob)
    assert (asked["state"], asked["problem"]) == ("asked", "")
    assert bob.people() == {ada.id: "asks you"}
    assert "asks you" in bob.run("peers").stdout
    assert "refused" in ada.run("message", bob.id, "Hello?", code=1).stderr
    fingerprint = bob.json("peers")[0]["fingerprint"]
    assert ada.id in bob.run("peers", "accept", fingerprint, text="n\n", code=130).stderr
    assert bob.people() == {ada.id: "asks you"}
    assert "paired with ada" in bob.run("peers", "accept", fingerprint, text="y\n").stderr
    assert (ada.people(), bob.people()) == ({bob.id: "trusted"}, {ada.id: "trusted"})
    ada.run("message", "bob", "Hello!")
    assert [message["text"] for message in bob.json("messages")] == ["Hello!"]

    ada.run("peers", "rename", "bob", "Robert")
    assert [peer["name"] for peer in ada.json("peers")] == ["Robert"]
    bob.run("peers", "forget", "ada")
    assert (ada.people(), bob.people()) == ({}, {})
    bob.run("peers", "block", ada.id)
    assert "does not take" in ada.run("ping", bob.id, code=1).stderr


def test_pairing_by_a_code_and_what_wrong_ones_do(nodes: tuple[Pairing, Pairing, Pairing]) -> None:
    ada, bob, cleo = nodes
    showing = ada.start("pair", "--code")
    assert showing.stdout is not None
    code = showing.stdout.readline().strip()
    assert re.fullmatch(r"\d{4}-\d{4}-\d{4}", code)
    at_ada = ("--id", ada.id, "--at", ada.address)
    slip = code[:-1] + str((int(code[-1]) + 1) % 10)
    assert "mistyped" in cleo.run("pair", slip, *at_ada, code=1).stderr
    assert "paired with ada" in bob.run("pair", code, *at_ada).stderr
    assert showing.wait(timeout=60) == 0
    assert (ada.people()[bob.id], bob.people()) == ("trusted", {ada.id: "trusted"})
    assert "no pairing code" in cleo.run("pair", code, *at_ada, code=4).stderr
    assert cleo.people() == {ada.id: "stranger"}
    bob.run("message", "ada", "It worked.")
    assert [message["text"] for message in ada.json("messages")] == ["It worked."]
    assert showing.communicate()[0] == ""


def test_a_pool_makes_its_members_trust_each_other_until_one_is_removed(
    nodes: tuple[Pairing, Pairing, Pairing],
) -> None:
    ada, bob, cleo = nodes
    for member in (bob, cleo):
        paired(ada, member)
    ada.run("pool", "create", "home")
    for member in (bob, cleo):
        ada.run("pool", "invite", "home", member.home.name)
        assert [pool["role"] for pool in member.json("pool", "ls")] == ["invited"]
        member.run("pool", "accept", "home")
    until(lambda: len(bob.json("pool", "ls")[0]["members"]) == 3)
    # They have never been paired with each other; only where the other is has to be said.
    ask = bob.ask(cleo)
    assert ask["problem"] == ""
    assert bob.people()[cleo.id] == "trusted"
    bob.run("message", cleo.id, "Neighbour!")
    assert [message["text"] for message in cleo.json("messages")] == ["Neighbour!"]

    ada.run("pool", "remove", "home", "cleo")
    assert cleo.json("pool", "ls") == []
    assert len(bob.json("pool", "ls")[0]["members"]) == 2
    assert bob.people()[cleo.id] == "pending"
    assert "refused" in cleo.run("message", bob.id, "Still there?", code=1).stderr
    bob.run("pool", "leave", "home")
    until(lambda: len(ada.json("pool", "ls")[0]["members"]) == 1)


def test_pairing_outlives_both_nodes(nodes: tuple[Pairing, Pairing, Pairing]) -> None:
    ada, bob, _ = nodes
    paired(ada, bob)
    for node in (ada, bob):
        node.kill()
        node.run("up", "-d")
    for node in (ada, bob):
        node.up()
    assert ada.people()[bob.id] == bob.people()[ada.id] == "trusted"
    ada.run("message", "bob", "Still here.")


def test_who_was_away_is_told_when_they_come(nodes: tuple[Pairing, Pairing, Pairing]) -> None:
    ada, bob, _ = nodes
    bob.kill()
    assert ada.ask(bob)["problem"]
    bob.up()
    until(lambda: bob.people() == {ada.id: "asks you"})
