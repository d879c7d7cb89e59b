"""Machines on one switch, which is what a Wi-Fi is: multicast passes, and stops where the switch ends."""

import time
from contextlib import ExitStack

import pytest

from tests.hosts.conftest import Measured
from tests.hosts.programs import Program
from tests.hosts.topology import NODE_PORT, Networks


def test_nodes_on_one_switch_see_each_other_and_nobody_else_does(networks: Networks, measured: Measured) -> None:
    """By multicast DNS, as announced; a third one on another switch, under addresses of the same kind, sees neither."""
    ada, bob, cleo = (networks.machine(name) for name in ("ada", "bob", "cleo"))
    addresses = networks.local_network(ada, bob)
    [elsewhere] = networks.local_network(cleo)
    with ExitStack() as stack:
        began = time.monotonic()
        one, other, outside = (
            stack.enter_context(Program(machine, "announcing.py", str(number), f"{address}:{NODE_PORT}"))
            for number, (machine, address) in enumerate(((ada, addresses[0]), (bob, addresses[1]), (cleo, elsewhere)))
        )
        assert one.json() == {"id": "01" * 32, "addresses": [f"{addresses[1]}:{NODE_PORT}"]}
        assert other.json() == {"id": "00" * 32, "addresses": [f"{addresses[0]}:{NODE_PORT}"]}
        measured(f"{time.monotonic() - began:.2f} s from the start of both processes until each saw the other")
        with pytest.raises(AssertionError, match="said nothing"):
            outside.line(1.0)
