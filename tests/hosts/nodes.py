"""`crofter` on a machine of its own, as its owner runs it there."""

from pathlib import Path
from typing import Any

from tests.e2e.test_pairing import Pairing
from tests.hosts.namespaces import Namespace
from tests.hosts.topology import NODE_PORT


class HostNode(Pairing):
    """A home whose node, and whose commands, run in one machine; it listens where a fresh node would."""

    def __init__(self, folder: Path, machine: Namespace, address: str, relays: tuple[str, ...] = ()) -> None:
        super().__init__(folder / machine.name)
        self.address = f"{address}:{NODE_PORT}"
        self.program = (*machine.entry, *self.program)
        self.environment["CROFTER_NETWORK_RELAYS"] = ",".join(relays)
        del self.environment["CROFTER_NETWORK_LISTEN"]

    def reachability(self) -> dict[str, Any]:
        """What the node has found out of how others reach it."""
        return self.json("network", "status")["reachability"]


class RelayNode(HostNode):
    """One whose owner serves a relay for everybody."""

    def __init__(self, folder: Path, machine: Namespace, address: str) -> None:
        self.url = f"http://{address}:{NODE_PORT}"
        super().__init__(folder, machine, address, (self.url,))
        self.environment |= {
            "CROFTER_NETWORK_MODE": "public",
            "CROFTER_NETWORK_RELAY_LISTEN": f"0.0.0.0:{NODE_PORT}",
            "CROFTER_NETWORK_RELAY_FOR_EVERYONE": "true",
        }
