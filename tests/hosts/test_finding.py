"""Real nodes that find each other without being told where: on one switch, and across an internet by an invite."""

import time
from pathlib import Path

import pytest

from tests.e2e.test_pairing import until
from tests.hosts.conftest import Measured
from tests.hosts.nodes import HostNode
from tests.hosts.topology import Networks

pytestmark = pytest.mark.slow

DELAY_MS = 20.0


def connected(node: HostNode, other: HostNode) -> bool:
    return {peer["id"]: peer["path"] for peer in node.json("peers")}.get(other.id) == "direct"


def nearby(node: HostNode) -> list[str]:
    return [seen["id"] for seen in node.json("peers", "nearby")]


def test_two_laptops_on_one_wifi_find_each_other_and_pair_by_a_code_alone(
    networks: Networks, tmp_path: Path, measured: Measured
) -> None:
    machines = [networks.machine("ada"), networks.machine("bob")]
    addresses = networks.local_network(*machines)
    ada, bob = (HostNode(tmp_path, machine, address) for machine, address in zip(machines, addresses, strict=True))
    try:
        for node in (ada, bob):
            node.environment["CROFTER_NETWORK_MODE"] = "lan"
            node.up()
        began = time.monotonic()
        until(lambda: nearby(ada) == [bob.id] and nearby(bob) == [ada.id])
        measured(f"both saw the other {time.monotonic() - began:.1f} s after the second was up")
        with ada.start("pair", "--code") as showing:
            assert showing.stdout is not None
            assert bob.json("pair", showing.stdout.readline().strip())["state"] == "trusted"
            assert showing.wait(60) == 0
        assert bob.json("ping", ada.id)["address"] == ada.address

        # Once more with nothing but that: neither was told an address.
        bob.run("down")
        bob.up()
        began = time.monotonic()
        until(lambda: connected(bob, ada))
        measured(f"connected again within {time.monotonic() - began:.1f} s after `up` had returned")
    finally:
        for node in (ada, bob):
            node.clean_up()


def test_an_invite_leads_across_an_internet_and_friends_of_the_host_meet(
    networks: Networks, tmp_path: Path, measured: Measured
) -> None:
    internet = networks.router("internet")
    nodes: list[HostNode] = []
    try:
        for name in ("ada", "bob", "cleo"):
            machine = networks.machine(name)
            address, _ = networks.join(internet, machine, delay_ms=DELAY_MS)
            nodes.append(HostNode(tmp_path, machine, address))
            nodes[-1].up()
        ada, bob, cleo = nodes
        text = ada.json("invite", "--uses", "2")["text"]
        began = time.monotonic()
        bob.run("join", "-", text=text)
        measured(f"`crofter join` took {time.monotonic() - began:.1f} s, round trip 80 ms")
        cleo.run("join", "-", text=text)
        assert (bob.people(), cleo.people()) == ({ada.id: "trusted"}, {ada.id: "trusted"})

        # Bob and Cleo trust each other too, and neither says where the other is: Ada, whom both trust, has told.
        assert bob.json("pair", cleo.id)["state"] == "asked"
        assert cleo.json("pair", bob.id)["state"] == "trusted"
        until(lambda: connected(bob, cleo))
        assert bob.json("ping", cleo.id)["path"] == "direct"
    finally:
        for node in nodes:
            node.clean_up()


def test_a_friend_that_moved_says_where_it_is_now(networks: Networks, tmp_path: Path, measured: Measured) -> None:
    internet, home, away = networks.router("internet"), networks.machine("ada"), networks.machine("bob")
    nodes: list[HostNode] = []
    try:
        for machine in (home, away):
            address, _ = networks.join(internet, machine, delay_ms=DELAY_MS)
            nodes.append(HostNode(tmp_path, machine, address))
            nodes[-1].up()
        ada, bob = nodes
        bob.run("join", "-", text=ada.json("invite")["text"])
        address = networks.roam(internet, away, delay_ms=DELAY_MS)
        began = time.monotonic()
        until(lambda: any(address in known for peer in ada.json("peers") for known in peer["known_addresses"]))
        measured(f"the friend knew the new address {time.monotonic() - began:.1f} s after the move")
        ada.run("message", bob.id, "There you are.")
        assert [message["text"] for message in bob.json("messages")] == ["There you are."]
    finally:
        for node in nodes:
            node.clean_up()
