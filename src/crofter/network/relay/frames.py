"""What a relay and its clients say to each other, one frame in each WebSocket message. Pure; the format is iroh's (iroh-relay 1.x).

A frame begins with a byte that says what it is. What clients send is checked here in full before any other client gets to see it:
older iroh could be spun by a batch whose datagrams have no length.
"""

import struct
from typing import Literal

import msgspec

from crofter.core import NODE_ID_BYTES, NodeId
from crofter.trust import SIGNATURE_BYTES

MOST_FRAME_BYTES = 1 + 64 * 1024
"""iroh takes no more than 64 KiB after the byte that says what it is."""
CHALLENGE_BYTES = 16

_PING_BYTES = 8
_SEGMENT = struct.Struct("!H")
_RESTARTING = struct.Struct("!II")

_CHALLENGE, _ANSWER, _WELCOME, _REFUSED = 0x00, 0x01, 0x02, 0x03
_SEND, _SEND_BATCH, _DELIVER, _DELIVER_BATCH = 0x04, 0x05, 0x06, 0x07
_GONE, _PING, _PONG, _RESTART, _STATUS = 0x08, 0x09, 0x0A, 0x0C, 0x0D

_HEAD_BYTES = 1 + NODE_ID_BYTES
_ANSWER_BYTES = _HEAD_BYTES + 1 + SIGNATURE_BYTES
_LEAST_BYTES = {_SEND: _HEAD_BYTES + 1, _SEND_BATCH: _HEAD_BYTES + 1 + _SEGMENT.size}
"""Head and the ECN byte; for a batch also the length of each datagram but the last. One byte of payload comes on top."""


class Datagrams(msgspec.Struct, frozen=True):
    """What a client sends to another: one datagram, or several of one length."""

    destination: NodeId
    deliver_kind: int
    rest: bytes
    """ECN, the length of each if there are several, and the payload: passed on as it came."""


class Ping(msgspec.Struct, frozen=True):
    """A client asks whether the relay is there."""

    payload: bytes


class Answer(msgspec.Struct, frozen=True):
    """A client says who it is, and signs the challenge."""

    node_id: NodeId
    signature: bytes


def read_frame(frame: bytes) -> Datagrams | Ping | Literal["pong"]:
    """What a client says once it is proven. Raises ValueError for anything that no client says."""
    kind = frame[0] if frame else -1
    if kind in _LEAST_BYTES:
        if not _LEAST_BYTES[kind] < len(frame) <= MOST_FRAME_BYTES:
            raise ValueError("datagrams of an impossible length")
        if kind == _SEND_BATCH and _SEGMENT.unpack_from(frame, _HEAD_BYTES + 1) == (0,):
            raise ValueError("a batch of datagrams without a length")
        deliver = _DELIVER if kind == _SEND else _DELIVER_BATCH
        return Datagrams(NodeId(frame[1:_HEAD_BYTES]), deliver, frame[_HEAD_BYTES:])
    if kind in (_PING, _PONG) and len(frame) == 1 + _PING_BYTES:
        return Ping(frame[1:]) if kind == _PING else "pong"
    raise ValueError(f"a frame of an unknown kind or an impossible length ({len(frame)} bytes)")


def read_answer(frame: bytes) -> Answer:
    """The one frame of a client that is not proven yet. Raises ValueError."""
    if len(frame) != _ANSWER_BYTES or frame[0] != _ANSWER or frame[_HEAD_BYTES] != SIGNATURE_BYTES:
        raise ValueError("not the answer to a challenge")
    return Answer(NodeId(frame[1:_HEAD_BYTES]), frame[_HEAD_BYTES + 1 :])


def challenge(random: bytes) -> bytes:
    """Prove who you are."""
    return bytes([_CHALLENGE]) + random


def welcome() -> bytes:
    """You are in."""
    return bytes([_WELCOME])


def refused(reason: str) -> bytes:
    """You are not; `reason` is shorter than 128 bytes."""
    return bytes([_REFUSED, len(reason.encode())]) + reason.encode()


def delivered(source: NodeId, datagrams: Datagrams) -> bytes:
    """What another client sent you."""
    return b"".join((bytes([datagrams.deliver_kind]), source, datagrams.rest))


def gone(node_id: NodeId) -> bytes:
    """A client that sent you something has left."""
    return bytes([_GONE]) + node_id


def ping(payload: bytes) -> bytes:
    """Are you there? The payload has eight bytes."""
    return bytes([_PING]) + payload


def pong(payload: bytes) -> bytes:
    """Yes."""
    return bytes([_PONG]) + payload


def restarting(reconnect_milliseconds: int, try_milliseconds: int) -> bytes:
    """The relay ends: come back after the first, and try for the second."""
    return bytes([_RESTART]) + _RESTARTING.pack(reconnect_milliseconds, try_milliseconds)


def status(*, replaced: bool) -> bytes:
    """Whether the same node has connected anew, so that nothing more comes here; or everything is well again. From version 2 on."""
    return bytes([_STATUS, int(replaced)])
