"""Real nodes that invite and join, in the open network and in private ones."""

import time
from collections.abc import Generator
from pathlib import Path

import pytest

from crofter.network import read_invite
from tests.e2e.test_pairing import Pairing

pytestmark = pytest.mark.slow


@pytest.fixture
def nodes(tmp_path: Path) -> Generator[tuple[Pairing, Pairing, Pairing]]:
    made = Pairing(tmp_path / "ada"), Pairing(tmp_path / "bob"), Pairing(tmp_path / "cleo")
    for node in made:
        node.up()
    yield made
    for node in made:
        node.clean_up()


def network(node: Pairing) -> str:
    return node.json("network", "status")["network"]


def test_an_invite_brings_one_in_and_no_second(nodes: tuple[Pairing, Pairing, Pairing]) -> None:
    ada, bob, cleo = nodes
    made = ada.run("invite")
    text = made.stdout.strip()
    assert text.startswith("crofter-invite:")
    assert "one node" in made.stderr
    assert "paired with ada" in bob.run("join", "-", text=text).stderr
    assert (ada.people(), bob.people()) == ({bob.id: "trusted"}, {ada.id: "trusted"})
    bob.run("message", "ada", "I am in.")
    assert [message["text"] for message in ada.json("messages")] == ["I am in."]

    assert "Ask for a new one" in cleo.run("join", text, code=4).stderr
    assert "itself" in ada.run("join", text, code=1).stderr
    assert "whole invite" in cleo.run("join", text[:-9], code=1).stderr
    assert cleo.people() == {ada.id: "stranger"}
    [invite] = ada.json("invite", "ls")
    assert (invite["uses_left"], invite["used_by"]) == (0, [bob.id])

    again = ada.json("invite", "--uses", "2", "--days", "7")
    ada.run("invite", "revoke", again["invite"]["name"])
    assert "Ask for a new one" in cleo.run("join", again["text"], code=4).stderr
    assert "no invite" in ada.run("invite", "revoke", again["invite"]["name"], code=1).stderr
    late = ada.json("invite")["text"]
    ada.run("down")
    assert "has to be running" in cleo.run("join", late, code=1).stderr


def test_a_private_network_lets_in_who_is_invited_and_nobody_else(nodes: tuple[Pairing, Pairing, Pairing]) -> None:
    ada, bob, cleo = nodes
    ada.run("network", "new", text="n\n", code=130)
    assert network(ada) == ""
    tag = ada.json("network", "new", "--yes")["tag"]
    assert network(ada) == tag
    assert "already" in ada.run("network", "new", "--yes", code=1).stderr
    text = ada.json("invite", "--uses", "2")["text"]
    assert f"in the private network {tag}" in bob.run("join", text).stderr
    bob.run("message", "ada", "Only for us.")

    # Cleo knows where they are, and even the way to pair: she cannot so much as connect.
    asked = cleo.ask(ada)
    assert "another network" in asked["problem"]
    assert "another network" in cleo.run("ping", ada.id, code=1).stderr
    assert cleo.id not in ada.people()
    # By the invite she can, but has asked to be paired in the open network, which she leaves then.
    assert "--switch" in cleo.run("join", text, code=1).stderr
    assert network(cleo) == ""
    cleo.run("join", text, "--switch")
    assert network(cleo) == tag
    assert cleo.json("ping", ada.id)["path"] == "direct"

    # A restart keeps it.
    for node in (ada, bob):
        node.kill()
        node.run("up", "-d")
    for node in (ada, bob):
        node.up()
    assert (network(ada), network(bob)) == (tag, tag)
    bob.run("message", "ada", "Still only for us.")
    assert [message["text"] for message in ada.json("messages")] == ["Only for us.", "Still only for us."]

    bob.run("network", "leave", "--yes")
    assert network(bob) == ""
    assert "another network" in bob.run("ping", ada.id, code=1).stderr
    assert "no private network" in bob.run("network", "leave", "--yes", code=1).stderr


def test_no_secret_is_in_logs_settings_or_status(nodes: tuple[Pairing, Pairing, Pairing]) -> None:
    ada, bob, _ = nodes
    ada.run("network", "new", "--yes")
    text = ada.json("invite")["text"]
    bob.run("join", text)
    invite = read_invite(text, time.time())
    hidden = [form for value in (invite.network_secret, invite.token) for form in (value.hex(), repr(value)[2:-1])]
    for node in (ada, bob):
        shown = "".join(
            node.run(*command).stdout for command in (("network", "status"), ("invite", "ls"), ("config", "ls"))
        )
        logs = "".join(file.read_text() for file in (node.home / "logs").iterdir())
        assert not [form for form in hidden if form in shown + logs]
        assert text not in shown + logs
