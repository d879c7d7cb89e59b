"""A node that is not on the network, on a machine that is."""

import sys
from pathlib import Path

import pytest

from tests.hosts.nodes import HostNode
from tests.hosts.topology import Networks

pytestmark = pytest.mark.slow

_KNOCK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).close()
except ConnectionRefusedError:
    print("refused")
else:
    print("open")
"""


def test_nothing_leaves_a_machine_whose_node_is_off_the_network(networks: Networks, tmp_path: Path) -> None:
    """Not one packet in its life, although it answers a question; and its API is not to be reached from outside."""
    internet, machine, stranger = networks.router("internet"), networks.machine("ada"), networks.machine("stranger")
    address, _ = networks.join(internet, machine)
    networks.join(internet, stranger)
    node = HostNode(tmp_path, machine, address)
    node.environment["CROFTER_NETWORK_MODE"] = "off"
    try:
        node.run("up", "-d")
        assert node.json("network", "status")["state"] == "off"
        assert node.run("ask", "Hello", "--max-tokens", "4").stdout
        node.run("doctor")
        node.run("down")
        assert machine.packets_sent("wan") == 0

        node.run("up", "-d")
        port = node.running()["url"].rpartition(":")[2]
        assert machine.run(sys.executable, "-c", _KNOCK, "127.0.0.1", port) == "open\n"
        assert stranger.run(sys.executable, "-c", _KNOCK, address, port) == "refused\n"
        assert machine.packets_sent("wan") > 0
    finally:
        node.clean_up()
