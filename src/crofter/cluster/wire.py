"""The binary frame that rows of a session travel in: a fixed header, then the rows. The table is in decision 27."""

import struct
from typing import Any, Literal

import msgspec
import numpy as np

from crofter.core import CrofterError, ErrorCode, Rows

Codec = Literal["f32", "fp16"]
FrameKind = Literal["rows", "result", "need", "renew", "fault"]
Problem = Literal["magic", "version", "header", "size", "values"]

SESSION_ID_BYTES = 16
MOST_FRAME_BYTES = 16 * 2**20 - 1024
"""The largest frame that nodes send each other, less what carries it."""
_MAGIC, _VERSION = b"CS", 1
_HEADER = struct.Struct("<2sBBBBBx16sIQIIII")
_KINDS: tuple[FrameKind, ...] = ("rows", "result", "need", "renew", "fault")
_CODECS: tuple[Codec, ...] = ("f32", "fp16")
_TYPES: dict[Codec, np.dtype[np.floating]] = {"f32": np.dtype("<f4"), "fp16": np.dtype("<f2")}
_LARGEST = {codec: float(np.finfo(kind).max) for codec, kind in _TYPES.items()}
_DISCARD, _MUTUAL = 1, 2
_POSITION_BYTES = 4
_MOST_SECTIONS = 4


class FrameError(CrofterError):
    """A frame that cannot be what an honest peer sends; `problem` says in what respect."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(ErrorCode.PEER_FAILED, message)
        self.problem: Problem = problem


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One message on a channel of a session."""

    kind: FrameKind
    """rows: for the next stage; result: for the requester; need: to the sender, send again from this step on, of which the sender holds
    this position; renew: the requester still wants the session; fault: see `Fault`, to the sender."""
    session_id: bytes
    epoch: int
    step: int = 0
    """Counts 0, 1, 2 ... in each session."""
    position: int = 0
    """Of the first row."""
    count: int = 0
    """Rows of the step; of a result, those that are in it."""
    wanted: int = 0
    deadline_milliseconds: int = 0
    """How long the result is worth waiting for, from now; 0: no limit."""
    codec: Codec = "f32"
    discard: bool = False
    """Nobody wants the result any more: stages compute it for their caches, the last one does not."""
    mutual: bool = False
    """See `Rows`."""
    sections: int = 0
    """How many positions each row has of its own, before the rows in the payload; 0: none."""
    payload: bytes = b""
    """As it travels."""


def frame_bytes(frame: Frame) -> bytes:
    """The frame as it travels."""
    header = _HEADER.pack(
        _MAGIC,
        _VERSION,
        _KINDS.index(frame.kind),
        _CODECS.index(frame.codec),
        frame.discard * _DISCARD | frame.mutual * _MUTUAL,
        frame.sections,
        frame.session_id,
        frame.epoch,
        frame.step,
        frame.position,
        frame.count,
        frame.wanted,
        frame.deadline_milliseconds,
    )
    return header + frame.payload


def read_frame(data: bytes) -> Frame:
    """The frame these bytes are; its payload is looked at by whoever knows its width. Raises FrameError."""
    if len(data) < _HEADER.size:
        raise FrameError("size", f"a frame has a header of {_HEADER.size} bytes; {len(data)} came")
    header: tuple[Any, ...] = _HEADER.unpack_from(data)
    magic, version, kind, codec, flags, sections, session_id, epoch, step, position, count, wanted, deadline = header
    if magic != _MAGIC:
        raise FrameError("magic", "this is no frame of a session")
    if version != _VERSION:
        raise FrameError("version", f"a frame of version {version} came; this node speaks {_VERSION}")
    if kind >= len(_KINDS) or codec >= len(_CODECS) or flags > _DISCARD | _MUTUAL or sections > _MOST_SECTIONS:
        raise FrameError("header", "a frame has a kind, codec, flag or shape that there is not")
    if wanted > count or position + count >= 2**31:
        raise FrameError("header", f"a frame wants {wanted} of {count} rows from position {position}")
    return Frame(
        kind=_KINDS[int(kind)],
        session_id=session_id,
        epoch=epoch,
        step=step,
        position=position,
        count=count,
        wanted=wanted,
        deadline_milliseconds=deadline,
        codec=_CODECS[int(codec)],
        discard=bool(flags & _DISCARD),
        mutual=bool(flags & _MUTUAL),
        sections=sections,
        payload=data[_HEADER.size :],
    )


def row_payload(values: bytes, codec: Codec, positions: bytes = b"") -> bytes:
    """Rows as they travel, from float32. Raises WORKER_FAILED for what is no number, or becomes none in this codec."""
    rows = np.frombuffer(values, _TYPES["f32"])
    # Looked at before they are coded: of 16-bit numbers that takes longer than coding them. What is none fails the comparison.
    if not np.abs(rows).max(initial=0.0) <= _LARGEST[codec]:
        message = f"rows hold what is no number, or none in {codec}: try the route with the codec f32"
        raise CrofterError(ErrorCode.WORKER_FAILED, message)
    return positions + (values if codec == "f32" else rows.astype(_TYPES[codec]).tobytes())


def row_values(frame: Frame, width: int) -> bytes:
    """The rows of a frame as float32. Raises FrameError: not the size that the header says, or no numbers."""
    kind = _TYPES[frame.codec]
    before = frame.sections * frame.count * _POSITION_BYTES
    expected = before + frame.count * width * kind.itemsize
    if len(frame.payload) != expected:
        message = f"{frame.count} rows of {width} are {expected} bytes in {frame.codec}; {len(frame.payload)} came"
        raise FrameError("size", message)
    rows = np.frombuffer(frame.payload, kind, offset=before).astype(_TYPES["f32"], copy=False)
    if not np.isfinite(rows).all():
        raise FrameError("values", "rows of a frame hold what is no number")
    return frame.payload[before:] if frame.codec == "f32" else rows.tobytes()


def frame_rows(frame: Frame, width: int) -> Rows:
    """The rows of a `rows` frame, as stages take them. Raises FrameError."""
    return Rows(
        position=frame.position,
        count=frame.count,
        wanted=frame.wanted,
        values=row_values(frame, width),
        positions=frame.payload[: frame.sections * frame.count * _POSITION_BYTES],
        mutual=frame.mutual,
    )


def sections_of(rows: Rows) -> int:
    """How many positions each row brings."""
    return len(rows.positions) // (_POSITION_BYTES * rows.count) if rows.positions else 0


def most_rows(width: int, codec: Codec) -> int:
    """How many rows a frame can carry."""
    row_bytes = width * _TYPES[codec].itemsize + _MOST_SECTIONS * _POSITION_BYTES
    return (MOST_FRAME_BYTES - _HEADER.size) // row_bytes
