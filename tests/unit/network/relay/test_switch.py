"""What goes from whom to whom on a relay."""

import pytest

from crofter.core import NodeId
from crofter.network.relay.frames import MOST_FRAME_BYTES
from crofter.network.relay.plan import MOST_STRANGERS, RelayRules
from crofter.network.relay.switch import RelayCounts, Switch
from crofter.trust import Standing

OWN, ONE, OTHER, THIRD = (NodeId(bytes([number]) * 32) for number in range(4))


class FakeClient:
    def __init__(self, *, knows_status: bool = True, full: bool = False) -> None:
        self.knows_status = knows_status
        self.full = full
        self.got: list[bytes] = []
        self.ended = False

    def send(self, frame: bytes) -> bool:
        if not self.full:
            self.got.append(frame)
        return not self.full

    def end(self) -> None:
        self.ended = True


class House:
    """A switch with its counts and what the owner thinks of others."""

    def __init__(self, *, for_everyone: bool = False) -> None:
        self.standings: dict[NodeId, Standing] = {ONE: "trusted", OTHER: "trusted", THIRD: "trusted"}
        self.counts = RelayCounts()
        rules = RelayRules(
            standing=lambda node_id: self.standings.get(node_id, "stranger"),
            for_everyone=for_everyone,
            bytes_per_second=1000,
        )
        self.switch = Switch(OWN, rules, self.counts)

    def enter(self, node_id: NodeId, client: FakeClient | None = None) -> FakeClient:
        client = client or FakeClient()
        self.switch.enter(node_id, client)
        return client


def to(destination: NodeId, payload: bytes = b"hello") -> bytes:
    return b"\x04" + destination + b"\x00" + payload


def from_(source: NodeId, payload: bytes = b"hello") -> bytes:
    return b"\x06" + source + b"\x00" + payload


def test_datagrams_go_to_their_destination_only() -> None:
    house = House()
    one, other, third = house.enter(ONE), house.enter(OTHER), house.enter(THIRD)
    house.switch.take(ONE, one, to(OTHER))
    assert (one.got, other.got, third.got) == ([], [from_(ONE)], [])
    assert (house.counts.clients, house.counts.passed, house.counts.bytes) == (3, 1, len(from_(ONE)))


@pytest.mark.parametrize("present", [True, False])
def test_what_cannot_be_taken_is_dropped_and_counted(present: bool) -> None:
    house = House()
    one = house.enter(ONE)
    if present:
        house.enter(OTHER, FakeClient(full=True))
    house.switch.take(ONE, one, to(OTHER))
    assert (house.counts.dropped, house.counts.passed) == (1, 0)


def test_a_ping_is_answered_to_its_sender() -> None:
    house = House()
    one = house.enter(ONE)
    house.switch.take(ONE, one, b"\x09" + b"12345678")
    house.switch.take(ONE, one, b"\x0a" + b"12345678")
    assert one.got == [b"\x0a" + b"12345678"]


def test_bad_frames_reach_nobody() -> None:
    house = House()
    one, other = house.enter(ONE), house.enter(OTHER)
    for frame in (b"\x05" + OTHER + b"\x00\x00\x00payload", to(OTHER, bytes(MOST_FRAME_BYTES)), b"\x08" + OTHER):
        with pytest.raises(ValueError, match=r"datagrams|frame"):
            house.switch.take(ONE, one, frame)
    assert other.got == []


def test_the_newest_connection_of_a_node_gets_what_is_for_it_and_the_older_is_told() -> None:
    house = House()
    sender, old, new = house.enter(OTHER), house.enter(ONE), house.enter(ONE)
    house.switch.take(OTHER, sender, to(ONE))
    assert (old.got, new.got) == ([b"\x0d\x01"], [from_(OTHER)])
    assert house.counts.clients == 2
    house.switch.leave(ONE, new)
    house.switch.take(OTHER, sender, to(ONE))
    assert old.got == [b"\x0d\x01", b"\x0d\x00", from_(OTHER)]


def test_old_versions_are_told_nothing_they_do_not_know() -> None:
    house = House()
    old, new = house.enter(ONE, FakeClient(knows_status=False)), house.enter(ONE)
    house.switch.leave(ONE, new)
    assert old.got == []


def test_a_third_connection_of_a_node_ends_the_first() -> None:
    house = House()
    first, second, third = (house.enter(ONE) for _ in range(3))
    assert (first.ended, second.ended, third.ended) == (True, False, False)


def test_whoever_was_written_to_hears_that_the_writer_left() -> None:
    house = House()
    one, other, third = house.enter(ONE), house.enter(OTHER), house.enter(THIRD)
    house.switch.take(ONE, one, to(OTHER))
    house.switch.leave(ONE, one)
    house.switch.leave(ONE, one)
    assert (other.got, third.got) == ([from_(ONE), b"\x08" + ONE], [])
    assert house.counts.clients == 2


def test_who_is_not_trusted_any_more_is_ended_at_the_next_review() -> None:
    house = House()
    one, other, own = house.enter(ONE), house.enter(OTHER), house.enter(OWN)
    house.standings[ONE] = "blocked"
    house.switch.review()
    assert (one.ended, other.ended, own.ended) == (True, False, False)
    assert house.switch.refusal(ONE) is not None
    assert house.switch.refusal(OWN) is None


def test_strangers_leave_room_for_those_the_owner_trusts() -> None:
    house = House(for_everyone=True)
    for number in range(MOST_STRANGERS):
        house.enter(NodeId(number.to_bytes(32, "big") + b"x"))
    assert house.switch.refusal(NodeId(b"s" * 32)) is not None
    assert house.switch.refusal(ONE) is None
    house.switch.review()
    assert house.counts.clients == MOST_STRANGERS
