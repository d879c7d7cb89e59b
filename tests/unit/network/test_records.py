"""Records are taken exactly when their node signed them for this network and now, in the one form that a record has."""

import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crofter.core import NodeId
from crofter.network import PeerAddress, PeerRecord, SignedRecord, accept_record, dialable, network_tag, sign_record
from crofter.network.records import LIFETIME_SECONDS, MAXIMUM_RECORD_BYTES, SKEW_SECONDS, Refusal, read_record
from crofter.trust import Identity

NOW = 1_800_000_000
TAG = network_tag(b"our secret")
ALICE = Identity(bytes([1]) * 32)
MALLORY = Identity(bytes([2]) * 32)
SIGNATURE_BYTES = 64


def record_of(identity: Identity = ALICE, /, **changes: object) -> PeerRecord:
    whole = PeerRecord(
        node_id=identity.node_id,
        sequence=NOW * 1000,
        expires_at=NOW + 3600,
        network=TAG,
        addresses=("192.168.1.7:4433", "[2001:db8::7]:4433"),
    )
    return msgspec.structs.replace(whole, **changes)


def fields_of(record: PeerRecord) -> list[object]:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=list[object])


def forged(identity: Identity, body: bytes) -> bytes:
    """Bytes with a valid signature, whatever they say."""
    return identity.sign("peer-record", body) + body


def accepted(content: bytes, known: int | None = None, now: float = NOW) -> SignedRecord | Refusal:
    return accept_record(content, network=TAG, now=now, known_sequence=lambda _: known)


def test_a_record_comes_back_as_it_was_signed() -> None:
    signed = sign_record(ALICE, record_of())
    assert accepted(signed.content) == signed == read_record(signed.content)


def test_the_known_sequence_is_asked_of_the_node_it_speaks_of() -> None:
    asked: list[NodeId] = []

    def known(node_id: NodeId) -> None:
        asked.append(node_id)

    accept_record(sign_record(ALICE, record_of()).content, network=TAG, now=NOW, known_sequence=known)
    assert asked == [ALICE.node_id]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"network": network_tag(b"another")}, "other network"),
        ({"expires_at": NOW}, "expired"),
        ({"expires_at": NOW + LIFETIME_SECONDS + SKEW_SECONDS + 1}, "too far ahead"),
        ({"sequence": (NOW + SKEW_SECONDS) * 1000 + 1}, "too far ahead"),
    ],
)
def test_what_is_not_for_here_and_now_is_refused(changes: dict[str, object], refusal: Refusal) -> None:
    assert accepted(sign_record(ALICE, record_of(**changes)).content) == refusal


@pytest.mark.parametrize("known", [NOW * 1000, NOW * 1000 + 1])
def test_a_replayed_record_is_refused(known: int) -> None:
    assert accepted(sign_record(ALICE, record_of()).content, known) == "not newer"


def test_nobody_speaks_for_another_node() -> None:
    assert accepted(forged(MALLORY, msgspec.msgpack.encode(record_of(ALICE)))) == "wrong signature"


def test_a_signature_for_another_purpose_is_no_record() -> None:
    body = msgspec.msgpack.encode(record_of())
    assert accepted(ALICE.sign("invite", body) + body) == "wrong signature"


@given(st.integers(0, 8 * 250 - 1))
def test_one_flipped_bit_is_noticed(position: int) -> None:
    content = bytearray(sign_record(ALICE, record_of()).content)
    content[position // 8 % len(content)] ^= 1 << position % 8
    assert isinstance(accepted(bytes(content)), str)


@settings(deadline=None)
@given(st.binary(max_size=MAXIMUM_RECORD_BYTES + 10))
def test_garbage_is_refused_whatever_it_is(garbage: bytes) -> None:
    assert isinstance(accepted(garbage), str)
    assert isinstance(accepted(forged(MALLORY, garbage)), str)


def test_a_record_that_is_too_large_is_refused_unread() -> None:
    assert accepted(bytes(MAXIMUM_RECORD_BYTES + 1)) == "too large"
    appended = msgspec.msgpack.encode([*fields_of(record_of()), bytes(MAXIMUM_RECORD_BYTES)])
    assert accepted(forged(ALICE, appended)) == "too large"


def test_a_record_that_others_would_refuse_is_not_signed() -> None:
    with pytest.raises(ValueError, match="malformed"):
        sign_record(ALICE, record_of(addresses=("0.0.0.0:4433",)))
    with pytest.raises(ValueError, match="wrong signature"):
        sign_record(MALLORY, record_of(ALICE))


@pytest.mark.parametrize(
    "body",
    [
        b"\x91" * 900 + b"\x00",  # nested beyond any stack
        msgspec.msgpack.encode([*fields_of(record_of()), {}])[:-1] + b"\x81\x80\x00",
        msgspec.msgpack.encode([*fields_of(record_of()), "xx"])[:-2] + b"\xff\xff",
        b"\x80",
        b"",
    ],
    ids=["nested", "a map as a key", "no UTF-8", "a map", "nothing"],
)
def test_bodies_that_break_decoders_are_malformed(body: bytes) -> None:
    assert accepted(forged(ALICE, body)) == "malformed"


def test_a_record_has_one_form() -> None:
    body = msgspec.msgpack.encode(record_of())
    short, long = struct.pack("!BI", 0xCE, NOW + 3600), struct.pack("!BQ", 0xCF, NOW + 3600)
    assert body.count(short) == 1
    assert accepted(forged(ALICE, body.replace(short, long))) == "malformed"
    assert accepted(forged(ALICE, body + b"\x00")) == "malformed"


def test_what_a_newer_version_appends_is_passed_over_and_passed_on() -> None:
    fields = [*fields_of(record_of()), "news", 7]
    content = forged(ALICE, msgspec.msgpack.encode(fields))
    assert accepted(content) == SignedRecord(record=record_of(), content=content)


def test_another_version_is_not_guessed_at() -> None:
    assert accepted(forged(ALICE, msgspec.msgpack.encode([2, *fields_of(record_of())[1:]]))) == "malformed"


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:4433", "[::]:4433", "224.0.0.251:5353", "[ff02::fb]:5353", "255.255.255.255:9", "240.0.0.1:4433", "10.0.0.1:0",
        "10.0.0.1:65536", "10.0.0.1:04433", "10.0.0.1:+443", "10.0.0.1:443٣", "10.0.0.01:443", "[::ffff:10.0.0.1]:443",
        "[fe80::1%eth0]:4433", "[2001:DB8::1]:4433", "2001:db8::1:4433", "[10.0.0.1]:4433", "example.org:443", "10.0.0.1",
        "10.0.0.1:443\n",
    ],
)  # fmt: skip
def test_addresses_at_which_no_node_can_be_are_refused(address: str) -> None:
    assert accepted(forged(ALICE, msgspec.msgpack.encode(record_of(addresses=(address,))))) == "malformed"


def test_more_addresses_than_a_node_needs_are_refused() -> None:
    addresses = tuple(f"10.0.0.{host}:4433" for host in range(9))
    assert accepted(forged(ALICE, msgspec.msgpack.encode(record_of(addresses=addresses)))) == "malformed"
    twice = ("10.0.0.1:4433", "10.0.0.1:4433")
    assert accepted(forged(ALICE, msgspec.msgpack.encode(record_of(addresses=twice)))) == "malformed"


@pytest.mark.parametrize(
    "url",
    ["ftp://relay.example/", "https:///relay", "https://me:secret@relay.example/", "https://relay.example/?q", "http://[", "https://a b/",
     "https://relay.example:0/", "https://relay.example:99999/"],
)  # fmt: skip
def test_relays_that_are_no_plain_addresses_are_refused(url: str) -> None:
    assert accepted(forged(ALICE, msgspec.msgpack.encode(record_of(relay_url=url)))) == "malformed"


def test_a_record_leads_only_where_our_packets_may_go() -> None:
    record = record_of(
        addresses=("127.0.0.1:1", "[::1]:2", "192.168.1.7:3", "[fe80::7]:4", "8.8.8.8:5", "[2606::1]:6"),
        relay_url="https://relay.example/",
    )
    who = ALICE.node_id
    assert dialable(record, "machine") == PeerAddress(node_id=who, addresses=("127.0.0.1:1", "[::1]:2"))
    assert dialable(record, "lan") == PeerAddress(node_id=who, addresses=("192.168.1.7:3", "[fe80::7]:4"))
    assert dialable(record, "internet") == PeerAddress(
        node_id=who,
        addresses=("192.168.1.7:3", "[fe80::7]:4", "8.8.8.8:5", "[2606::1]:6"),
        relay_url="https://relay.example/",
    )


def test_a_relay_at_home_is_asked_for_friends_only() -> None:
    record = record_of(relay_url="http://192.168.1.7:7412")
    assert dialable(record, "internet").relay_url is None
    assert dialable(record, "internet", trusted=True).relay_url == "http://192.168.1.7:7412"


def test_networks_have_tags_that_tell_them_apart_and_not_their_secrets() -> None:
    assert network_tag(b"one") == network_tag(b"one") != network_tag(b"two")
    assert network_tag(b"") != network_tag(bytes(32))
    assert network_tag(b"") not in (network_tag(b"one"), bytes(8))


_ip4 = st.ip_addresses(v=4, network="10.0.0.0/8").map(str)
_ip6 = st.ip_addresses(v=6, network="2001:db8::/32").map(lambda ip: f"[{ip}]")
_addresses = st.lists(
    st.tuples(_ip4 | _ip6, st.integers(1, 65535)).map(lambda pair: f"{pair[0]}:{pair[1]}"), max_size=8, unique=True
)


@settings(deadline=None)
@given(
    addresses=_addresses,
    relay=st.none() | st.just("https://relay.example:8443/relay"),
    key=st.none() | st.binary(min_size=32, max_size=32),
    age_ms=st.integers(-SKEW_SECONDS * 1000, 10**9),
    lifetime=st.integers(1, LIFETIME_SECONDS),
    known=st.none() | st.integers(0, (NOW + SKEW_SECONDS) * 1000),
)
def test_a_true_record_is_taken_exactly_if_it_is_newer(
    addresses: list[str], relay: str | None, key: bytes | None, age_ms: int, lifetime: int, known: int | None
) -> None:
    signed = sign_record(
        ALICE,
        record_of(
            addresses=tuple(addresses),
            relay_url=relay,
            sealing_key=key,
            sequence=NOW * 1000 - age_ms,
            expires_at=NOW + lifetime,
        ),
    )
    assert len(signed.content) <= MAXIMUM_RECORD_BYTES
    newer = known is None or known < signed.record.sequence
    assert accepted(signed.content, known) == (signed if newer else "not newer")
