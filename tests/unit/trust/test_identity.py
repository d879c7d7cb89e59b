import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crofter.core import NodeId
from crofter.trust import Identity, is_signed
from crofter.trust.identity import _SMALL_ORDER

REPEATABLE = settings(deadline=None, derandomize=True)

# RFC 8032, 7.1, test 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
ME = Identity(SEED)

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
purposes = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)


def test_the_public_key_is_the_one_of_the_standard() -> None:
    assert ME.node_id == PUBLIC
    assert Identity.make().node_id != Identity.make().node_id


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Identity(b"short")


@REPEATABLE
@given(purposes, st.binary(max_size=100))
def test_a_signature_holds_for_its_message_purpose_and_node_only(purpose: str, message: bytes) -> None:
    signature = ME.sign(purpose, message)
    assert is_signed(ME.node_id, purpose, message, signature)
    assert not is_signed(ME.node_id, f"{purpose}-2", message, signature)
    assert not is_signed(ME.node_id, purpose, message + b"\0", signature)
    assert not is_signed(Identity(bytes(32)).node_id, purpose, message, signature)
    assert not is_signed(ME.node_id, purpose, message, signature[:-1] + bytes([signature[-1] ^ 1]))


def test_the_end_of_a_purpose_cannot_be_moved_into_the_message() -> None:
    assert not is_signed(ME.node_id, "peer", b"-record\0x", ME.sign("peer-record", b"x"))
    for purpose in ("", "peer\0record", "Peer", "peer record"):
        with pytest.raises(ValueError, match="purpose"):
            ME.sign(purpose, b"x")


@REPEATABLE
@given(st.binary(max_size=40), st.binary(max_size=70))
def test_whatever_a_peer_sends_is_answered_with_no(node_id: bytes, signature: bytes) -> None:
    assert not is_signed(NodeId(node_id), "peer-record", b"x", signature)


def test_the_secret_is_in_no_text() -> None:
    assert SEED.hex() not in repr(ME)
    assert repr(SEED) not in f"{ME} {ME!r}"


def double(point: Point) -> Point:
    """On the curve -x² + y² = 1 + dx²y²."""
    x, y = point
    product = D * x * x * y * y % P
    return (
        2 * x * y * pow(1 + product, -1, P) % P,
        (y * y + x * x) * pow(1 - product, -1, P) % P,
    )


def point_at(y: int) -> Point:
    """The point with this y, whichever of the two."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square
    return x, y % P


def test_the_refused_keys_are_exactly_the_points_of_small_order() -> None:
    found = {int.from_bytes(point, "little") for point in _SMALL_ORDER}
    for y in found:
        assert double(double(double(point_at(y)))) == (0, 1)
    # Eight points: x = 0 twice, two at y = 0, two at each of the other two.
    assert len({y % P for y in found}) == 5
    assert {y for y in found if y >= P} == {P, P + 1}


def test_a_signature_that_fits_every_message_is_refused() -> None:
    # Under the neutral element as key, R = B·0 and S = 0 solve the equation for any message.
    neutral = b"\1" + bytes(31)
    assert not is_signed(NodeId(neutral), "peer-record", b"anything", neutral + bytes(32))
    assert not is_signed(NodeId(b"\1" + bytes(30) + b"\x80"), "peer-record", b"anything", neutral + bytes(32))
