"""Where a node is looked for."""

import pytest

from crofter.core import CrofterError, NodeId
from crofter.network import NetworkSettings, PeerAddress, Relays, Rules
from crofter.network.directory import Directory

pytestmark = pytest.mark.anyio

ONE = NodeId(b"1" * 32)
OURS, THEIRS = "http://192.0.2.1:7412", "http://192.0.2.2:7412"
ADDRESS = "198.51.100.1:7412"


class Source:
    """Knows what it is told, or learns it when it is asked to seek."""

    def __init__(self, known: PeerAddress | None, *, after_seeking: bool = False) -> None:
        self._known = known
        self._knows = not after_seeking

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        return self._known if self._knows else None

    async def seek(self, node_id: NodeId) -> None:
        self._knows = True

    def dialled(self, node_id: NodeId, *, reached: bool) -> None: ...


def directory(known: PeerAddress | None, shared: str | None = OURS, *, after_seeking: bool = False) -> Directory:
    relays = Relays()
    relays.connected = shared
    made = Directory(Rules(mode="private", standing=lambda _: "trusted"), [], relays.toward)
    made.seek_with(Source(known, after_seeking=after_seeking))
    return made


@pytest.mark.parametrize("after_seeking", [False, True])
async def test_a_nodes_own_relay_comes_before_ours(after_seeking: bool) -> None:
    known = PeerAddress(node_id=ONE, addresses=(ADDRESS,), relay_url=THEIRS)
    assert await directory(known, after_seeking=after_seeking).find(ONE) == known


async def test_a_node_whose_relay_is_not_known_may_use_ours() -> None:
    known = PeerAddress(node_id=ONE, addresses=(ADDRESS,))
    assert await directory(known).find(ONE) == PeerAddress(node_id=ONE, addresses=(ADDRESS,), relay_url=OURS)
    assert await directory(None).find(ONE) == PeerAddress(node_id=ONE, relay_url=OURS)


async def test_without_relays_a_node_that_nobody_knows_is_nowhere() -> None:
    with pytest.raises(CrofterError):
        await directory(None, shared=None).find(ONE)


async def test_nodes_that_share_relays_meet_at_another_when_one_is_dead() -> None:
    relays = Relays()
    relays.follow(NetworkSettings(mode="private", relays=(THEIRS, OURS)))
    assert relays.toward(THEIRS + "/") == THEIRS + "/"
    relays.failing.add(THEIRS)
    assert relays.toward(THEIRS + "/") == OURS
    assert relays.toward(None) == OURS
    relays.connected = OURS + "/"
    assert relays.toward(THEIRS) == OURS + "/"
    assert relays.toward("http://192.0.2.3:7412") == "http://192.0.2.3:7412"
    relays.failing.add(OURS)
    relays.connected = None
    assert relays.toward(THEIRS) == THEIRS


async def test_where_nothing_goes_beyond_the_local_network_no_relay_is_used() -> None:
    relays = Relays()
    relays.connected = OURS
    made = Directory(Rules(mode="offline", standing=lambda _: "trusted"), [], relays.toward)
    with pytest.raises(CrofterError):
        await made.find(ONE)
