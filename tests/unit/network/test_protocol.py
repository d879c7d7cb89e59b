"""The name of the protocol tells networks and nodes apart, and gives nothing away."""

from crofter.core import NodeId
from crofter.network.protocol import protocol_name

ADA, BOB = NodeId(bytes([1]) * 32), NodeId(bytes([2]) * 32)
SECRET, OTHER_SECRET = bytes([7]) * 32, bytes([8]) * 32


def test_the_open_network_has_one_name_for_all() -> None:
    assert protocol_name(b"", ADA) == protocol_name(b"", BOB) == b"crofter/1"


def test_a_private_one_has_another_for_each_node_and_secret() -> None:
    names = {protocol_name(secret, node) for secret in (SECRET, OTHER_SECRET) for node in (ADA, BOB)}
    assert len(names) == 4
    assert all(len(name) == len(b"crofter/1/") + 32 and name.isascii() for name in names)
    assert protocol_name(SECRET, ADA) == protocol_name(SECRET, ADA)
