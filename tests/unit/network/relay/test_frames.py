"""What may pass a relay, byte by byte."""

import pytest

from crofter.network.relay.challenge import is_proven, to_sign
from crofter.network.relay.frames import (
    MOST_FRAME_BYTES,
    Answer,
    Datagrams,
    Ping,
    challenge,
    delivered,
    gone,
    ping,
    pong,
    read_answer,
    read_frame,
    refused,
    restarting,
    status,
    welcome,
)
from crofter.trust import Identity

ONE, OTHER = Identity(bytes([1]) * 32), Identity(bytes([2]) * 32)
HEAD = OTHER.node_id


def test_datagram_is_delivered_with_its_proven_source_in_the_place_of_its_destination() -> None:
    said = read_frame(b"\x04" + HEAD + b"\x02payload")
    assert isinstance(said, Datagrams)
    assert said.destination == OTHER.node_id
    assert delivered(ONE.node_id, said) == b"\x06" + ONE.node_id + b"\x02payload"


def test_batch_keeps_the_length_of_its_datagrams() -> None:
    said = read_frame(b"\x05" + HEAD + b"\x00\x00\x03abcdefg")
    assert isinstance(said, Datagrams)
    assert delivered(ONE.node_id, said) == b"\x07" + ONE.node_id + b"\x00\x00\x03abcdefg"


def test_longest_frame_passes_and_one_byte_more_does_not() -> None:
    head = b"\x04" + HEAD + b"\x00"
    read_frame(head + bytes(MOST_FRAME_BYTES - len(head)))
    with pytest.raises(ValueError, match="length"):
        read_frame(head + bytes(MOST_FRAME_BYTES - len(head) + 1))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x04",
        b"\x04" + HEAD,
        b"\x04" + HEAD + b"\x00",
        b"\x05" + HEAD + b"\x00\x00\x00payload",
        b"\x05" + HEAD + b"\x00\x00\x03",
        b"\x05" + HEAD + b"\x00\x03",
        b"\x06" + HEAD + b"\x00payload",
        b"\x07" + HEAD + b"\x00\x00\x03payload",
        b"\x08" + HEAD,
        b"\x09" + bytes(7),
        b"\x09" + bytes(9),
        b"\x0a",
        b"\x0b" + b"ill",
        b"\x0c" + bytes(8),
        b"\x0d\x01",
        b"\x01" + HEAD + b"\x40" + bytes(64),
        b"\x40\x04" + HEAD + b"\x00payload",
        b"\xff" * 100,
    ],
)
def test_what_no_client_says_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match=r"frame|datagrams"):
        read_frame(frame)


def test_pings_and_pongs() -> None:
    assert read_frame(b"\x09" + b"12345678") == Ping(b"12345678")
    assert read_frame(b"\x0a" + b"12345678") == "pong"
    assert (ping(b"12345678"), pong(b"12345678")) == (b"\x0912345678", b"\x0a12345678")


def test_what_the_relay_says() -> None:
    assert challenge(bytes(16)) == bytes(17)
    assert welcome() == b"\x02"
    assert refused("no") == b"\x03\x02no"
    assert gone(ONE.node_id) == b"\x08" + ONE.node_id
    assert restarting(1, 2) == b"\x0c\x00\x00\x00\x01\x00\x00\x00\x02"
    assert (status(replaced=True), status(replaced=False)) == (b"\x0d\x01", b"\x0d\x00")


def signed(identity: Identity, random: bytes) -> bytes:
    return identity._key.sign(to_sign(random))


def test_only_the_key_of_the_id_proves_it() -> None:
    random = bytes(range(16))
    answer = read_answer(b"\x01" + ONE.node_id + b"\x40" + signed(ONE, random))
    assert is_proven(answer, random)
    assert not is_proven(answer, bytes(16))
    assert not is_proven(Answer(OTHER.node_id, answer.signature), random)
    assert not is_proven(Answer(ONE.node_id, signed(OTHER, random)), random)


@pytest.mark.parametrize(
    "frame", [b"", b"\x01", b"\x01" + HEAD + b"\x41" + bytes(64), b"\x01" + HEAD + b"\x40" + bytes(65)]
)
def test_what_is_no_answer_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match="answer"):
        read_answer(frame)
