"""`crofter` on a machine of its own, as its owner runs it there."""

from pathlib import Path

from tests.e2e.test_pairing import Pairing
from tests.hosts.namespaces import Namespace
from tests.hosts.topology import NODE_PORT


class HostNode(Pairing):
    """A home whose node, and whose commands, run in one machine; it listens where a fresh node would."""

    def __init__(self, folder: Path, machine: Namespace, address: str) -> None:
        super().__init__(folder / machine.name)
        self.address = f"{address}:{NODE_PORT}"
        self.program = (*machine.entry, *self.program)
        del self.environment["CROFTER_NETWORK_LISTEN"]
