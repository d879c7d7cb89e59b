"""What one node says reaches every node once, also through a network that loses messages, and nobody can flood it or lie in it."""

import random
from collections import deque

import msgspec
import pytest

from crofter.core import NodeId
from crofter.network.discovery import Gossip, Rumour, Sending, Told, Wanted
from crofter.network.discovery import gossip as gossip_module
from crofter.network.discovery.gossip import ACTIVE_VIEW, MOST_OF_ONE
from crofter.network.discovery.messages import MOST_OFFERED, MOST_PUSHED
from crofter.network.discovery.rumours import (
    MAXIMUM_RUMOUR_BYTES,
    RUMOUR_ID_BYTES,
    WINDOW_SECONDS,
    read_rumour,
    rumour_id,
    sign_rumour,
)
from crofter.network.wire import GOSSIP
from tests.fakes import Clock
from tests.unit.network.discovery.conftest import NOW, TAG, identity, node


class Listening:
    """A node, and what it has heard."""

    def __init__(self, number: int, clock: Clock) -> None:
        self.heard: list[bytes] = []
        self.gossip = Gossip(identity(number), TAG, deliver=self._hear, clock=clock, seed=number)

    def _hear(self, rumour: Rumour) -> None:
        self.heard.append(rumour.payload)


def carry(
    nodes: dict[NodeId, Listening], sendings: list[tuple[NodeId, Sending]], lost: float, chance: random.Random
) -> None:
    """Deliver everything, and what comes of it, but for what is lost."""
    waiting = deque(sendings)
    while waiting:
        sender, sending = waiting.popleft()
        if chance.random() < lost:
            continue
        wanted, onward = nodes[sending.node_id].gossip.told(sender, sending.message)
        waiting.extend((sending.node_id, each) for each in onward)
        waiting.extend((sender, each) for each in nodes[sender].gossip.answered(sending.node_id, wanted))


def swarm(count: int, clock: Clock, degree: int = 12) -> dict[NodeId, Listening]:
    nodes = {node(number): Listening(number, clock) for number in range(1, count + 1)}
    chance = random.Random(1)
    for node_id, each in nodes.items():
        each.gossip.set_connected(chance.sample([other for other in nodes if other != node_id], min(degree, count - 1)))
    return nodes


@pytest.mark.parametrize("lost", [0.0, 0.3])
def test_everybody_hears_it_once_even_if_a_third_of_all_messages_is_lost(lost: float, clock: Clock) -> None:
    nodes, chance = swarm(60, clock), random.Random(2)
    first = nodes[node(1)].gossip
    carry(nodes, [(node(1), each) for each in first.publish("topic", b"news")], lost, chance)
    for _ in range(10):
        clock.now += 1
        for node_id, each in nodes.items():
            carry(nodes, [(node_id, sending) for sending in each.gossip.beat()], lost, chance)
    assert [each.heard for node_id, each in nodes.items() if node_id != node(1)] == [[b"news"]] * 59
    assert nodes[node(1)].heard == []


def said(number: int, at: float = NOW, payload: bytes = b"news", network: bytes = TAG) -> bytes:
    rumour = Rumour(origin=node(number), network=network, signed_at=int(at * 1000), topic="topic", payload=payload)
    return sign_rumour(identity(number), rumour)


def test_the_view_is_stable_small_and_filled_again(clock: Clock) -> None:
    gossip = Listening(1, clock).gossip
    gossip.set_connected(node(number) for number in range(2, 30))
    before = gossip.active_view
    assert len(before) == ACTIVE_VIEW
    gossip.set_connected(node(number) for number in range(2, 40))
    assert gossip.active_view == before
    gossip.set_connected(node(number) for number in range(2, 40) if node(number) != before[0])
    assert gossip.active_view[: ACTIVE_VIEW - 1] == before[1:]
    assert len(gossip.active_view) == ACTIVE_VIEW


def test_nothing_goes_back_to_who_told_it(clock: Clock) -> None:
    gossip = Listening(1, clock).gossip
    gossip.set_connected([node(2), node(3)])
    _, onward = gossip.told(node(2), Told(rumours=(said(9),)))
    assert [each.node_id for each in onward] == [node(3)]
    assert gossip.told(node(3), Told(rumours=(said(9),))) == (Wanted(), [])


def test_a_rumour_is_taken_only_in_its_time_and_never_twice(clock: Clock) -> None:
    listening = Listening(1, clock)
    listening.gossip.told(
        node(2), Told(rumours=(said(9), said(8, at=NOW - WINDOW_SECONDS), said(8, at=NOW + WINDOW_SECONDS)))
    )
    clock.now += WINDOW_SECONDS - 1
    listening.gossip.told(node(2), Told(rumours=(said(9),)))
    clock.now += 1
    listening.gossip.told(node(2), Told(rumours=(said(9),)))
    assert listening.heard == [b"news"]
    assert len(listening.gossip) == 0
    assert listening.gossip.refusals == {"out of time": 3}


def test_lies_are_counted_and_go_no_further(clock: Clock) -> None:
    listening = Listening(1, clock)
    listening.gossip.set_connected([node(3)])
    true, other = said(9), said(8)
    lies = (b"", b"\x91" * 1_000, true[:64] + other[64:], true[:-1] + b"X", said(9, network=bytes(8)))
    wanted, onward = listening.gossip.told(node(2), Told(rumours=lies))
    assert (listening.heard, onward, wanted) == ([], [], Wanted())
    assert listening.gossip.refusals == {"malformed": 2, "wrong signature": 2, "other network": 1}
    assert read_rumour(bytes(MAXIMUM_RUMOUR_BYTES + 1), network=TAG, now=NOW) == "too large"


def test_one_loud_node_takes_its_share_and_no_more(clock: Clock) -> None:
    listening = Listening(1, clock)
    for number in range(MOST_OF_ONE + 10):
        listening.gossip.told(node(2), Told(rumours=(said(9, payload=number.to_bytes(4)),)))
    assert len(listening.gossip) == MOST_OF_ONE
    assert listening.gossip.refusals == {"too many": 10}
    listening.gossip.told(node(2), Told(rumours=(said(8),)))
    assert listening.heard[-1] == b"news"


def test_many_loud_nodes_meet_a_bound_too_and_room_comes_back(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gossip_module, "MOST_REMEMBERED", 50)
    gossip = Listening(1, clock).gossip
    for number in range(2, 80):
        gossip.told(node(2), Told(rumours=(said(number),)))
        assert len(gossip) <= 50
    clock.now += WINDOW_SECONDS
    gossip.told(node(2), Told(rumours=(said(200, at=clock.now),)))
    assert len(gossip) == 1


def test_this_node_says_no_more_than_others_would_hear(clock: Clock) -> None:
    gossip = Listening(1, clock).gossip
    for number in range(MOST_OF_ONE):
        gossip.publish("topic", number.to_bytes(4))
    with pytest.raises(ValueError, match="too much"):
        gossip.publish("topic", b"more")
    with pytest.raises(ValueError, match="malformed"):
        Listening(2, clock).gossip.publish("topic", bytes(1_025))


def test_who_lacks_something_asks_for_a_bounded_part_and_invented_names_bring_nothing(clock: Clock) -> None:
    gossip = Listening(1, clock).gossip
    names = tuple(number.to_bytes(RUMOUR_ID_BYTES) for number in range(MOST_OFFERED))
    assert gossip.told(node(2), Told(have=names))[0] == Wanted(names=names[:MOST_PUSHED])
    assert gossip.answered(node(2), Wanted(names=names[:MOST_PUSHED])) == []


def test_an_offer_has_the_latest_and_fits_its_kind(clock: Clock) -> None:
    gossip = Listening(1, clock).gossip
    gossip.set_connected([node(2)])
    contents = [said(number, payload=bytes(1_024)) for number in range(10, 110)]
    for content in contents:
        gossip.told(node(2), Told(rumours=(content,)))
    (offer,) = gossip.beat()
    assert len(set(offer.message.have)) == MOST_OFFERED
    assert rumour_id(contents[-1]) in offer.message.have
    full = Told(rumours=(bytes(MAXIMUM_RUMOUR_BYTES),) * MOST_PUSHED, have=offer.message.have)
    assert len(msgspec.msgpack.encode(full)) <= GOSSIP.most_bytes
