"""A node's own record says where it is now, and is signed no more often than that needs."""

from crofter.network import LIFETIME_SECONDS, OwnNetwork, SignedRecord, accept_record, network_tag, read_record
from crofter.network.discovery.own_record import RENEW_SECONDS, OwnRecord
from crofter.network.records import MAXIMUM_ADDRESSES, SKEW_SECONDS
from tests.unit.network.discovery.conftest import NOW, identity

TAG = network_tag(b"")
LAN = "192.168.1.5:7412"


class Place:
    """A node whose addresses and clock the test moves."""

    def __init__(self, *addresses: str, relay_url: str | None = None) -> None:
        self.addresses = addresses
        self.relay_url = relay_url
        self.now = NOW
        self.network = OwnNetwork(b"")
        self.own = OwnRecord(
            identity(1), self.network, lambda: self.addresses, lambda: self.relay_url, lambda: self.now
        )

    def signed(self) -> SignedRecord:
        """What others read."""
        signed = read_record(self.own.content())
        assert isinstance(signed, SignedRecord)
        return signed


def test_others_accept_it_and_find_the_node_by_it() -> None:
    place = Place(LAN, "[2001:db8::1]:7412", relay_url="https://relay.example/relay")
    accepted = accept_record(place.own.content(), network=TAG, now=NOW, known_sequence=lambda _: None)
    assert isinstance(accepted, SignedRecord)
    assert accepted.record.node_id == identity(1).node_id
    assert accepted.record.addresses == (LAN, "[2001:db8::1]:7412")
    assert accepted.record.relay_url == "https://relay.example/relay"
    assert accepted.record.expires_at == int(NOW) + LIFETIME_SECONDS


def test_it_is_signed_anew_when_it_says_something_else_and_replaces_the_one_before() -> None:
    place = Place(LAN)
    first = place.signed()
    assert place.signed().content == first.content
    place.addresses = ("192.168.1.6:7412",)
    second = place.signed()
    assert second.record.addresses == ("192.168.1.6:7412",)
    assert second.record.sequence > first.record.sequence  # In the same millisecond.


def test_it_is_of_the_network_that_the_node_is_in() -> None:
    place = Place(LAN)
    assert place.signed().record.network == TAG
    place.network.secret = bytes([7]) * 32
    assert place.signed().record.network == network_tag(bytes([7]) * 32) != TAG


def test_it_is_signed_anew_before_it_is_old() -> None:
    place = Place(LAN)
    first = place.signed()
    place.now += RENEW_SECONDS - 1
    assert place.signed().content == first.content
    place.now += 1
    assert place.signed().record.expires_at == int(place.now) + LIFETIME_SECONDS


def test_a_clock_that_was_put_back_does_not_leave_it_with_records_that_nobody_takes() -> None:
    place = Place(LAN)
    first = place.signed()
    place.now -= 1
    place.addresses = ("192.168.1.6:7412",)
    assert place.signed().record.sequence == first.record.sequence + 1
    place.now -= 2 * SKEW_SECONDS
    assert place.signed().record.sequence == int(place.now * 1000)


def test_a_node_that_can_be_dialled_nowhere_says_nothing() -> None:
    assert Place().own.content() == b""
    assert Place("0.0.0.0:7412").own.content() == b""
    assert Place(relay_url="http://relay.example").own.content()


def test_only_what_others_can_dial_is_told_and_loopback_only_if_there_is_nothing_else() -> None:
    assert Place("127.0.0.1:7412", LAN, LAN, "[fe80::1%eth0]:7412").signed().record.addresses == (LAN,)
    assert Place("127.0.0.1:7412", "[::1]:7412").signed().record.addresses == ("127.0.0.1:7412", "[::1]:7412")
    many = [f"192.168.1.{number}:7412" for number in range(1, 20)]
    assert Place(*many).signed().record.addresses == tuple(many[:MAXIMUM_ADDRESSES])
