"""News of this node's own goes out at once, and is bounded without being lost, however often it changes."""

from crofter.network import Peers, Rules
from crofter.network.discovery import Gossip, Rumour, Told
from crofter.network.discovery.chatter import ANNOUNCE_SECONDS, Chatter
from crofter.network.discovery.gossip import MOST_OF_ONE
from crofter.network.discovery.rumours import WINDOW_SECONDS, sign_rumour
from tests.fakes import Clock
from tests.unit.network.discovery.conftest import NOW, TAG, identity, node


class Announcing:
    """A node that tells where it is, and another that hears it."""

    def __init__(self, clock: Clock) -> None:
        self.heard: list[bytes] = []
        self.told = Gossip(identity(2), TAG, deliver=lambda rumour: self.heard.append(rumour.payload), clock=clock)
        self.gossip = Gossip(identity(1), TAG, deliver=lambda _: None, clock=clock)
        peers = Peers(Rules(mode="public", standing=lambda _: "stranger"), [])
        self._chatter = Chatter(peers, self.gossip, clock)

    def announce(self, record: bytes) -> None:
        self._chatter.announce(record)
        self.gossip.set_connected([node(2)])
        for sending in self.gossip.beat():
            wanted, _ = self.told.told(node(1), sending.message)
            for answer in self.gossip.answered(node(2), wanted):
                self.told.told(node(1), answer.message)


def test_a_record_that_flaps_is_told_at_once_then_every_ten_seconds_and_its_last_state_always(clock: Clock) -> None:
    one = Announcing(clock)
    for number in range(3_601):
        one.announce(number.to_bytes(4))
        clock.now += 1
    assert one.heard == [number.to_bytes(4) for number in range(0, 3_601, int(ANNOUNCE_SECONDS))]
    one.announce(b"last")
    assert one.heard[-1] != b"last"
    clock.now += ANNOUNCE_SECONDS
    for _ in range(30):
        one.announce(b"last")
        clock.now += 1
    assert one.heard.count(b"last") == 1


def test_a_record_that_finds_no_room_ends_nothing_and_is_told_when_there_is(clock: Clock) -> None:
    one = Announcing(clock)
    before = (
        Rumour(
            origin=identity(1).node_id, network=TAG, signed_at=int(NOW * 1000), topic="record", payload=bytes([number])
        )
        for number in range(MOST_OF_ONE)
    )
    for rumour in before:
        one.gossip.told(identity(2).node_id, Told(rumours=(sign_rumour(identity(1), rumour),)))
    one.announce(b"now")
    assert b"now" not in one.heard
    clock.now += WINDOW_SECONDS
    one.announce(b"now")
    assert one.heard[-1] == b"now"
