"""Images and sounds as a model reads them: rows of numbers between the rows of its tokens.

A row of an image has no token. In the list of a prompt's tokens its place is taken by a number below zero, made from what was in the
image, so that all who count tokens or compare beginnings go on as before; `Span` says exactly which rows stand there.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crofter.core import CrofterError, ErrorCode, MediaPart


class Rows(NamedTuple):
    """A stretch of rows that llama.cpp takes as embeddings."""

    key: bytes
    """The same for the same file, read by the same projector, and for no other."""
    values: npt.NDArray[np.float32]
    """[rows, width of the model's input]"""
    positions: int
    """How many positions of the sequence they take; with M-RoPE fewer than rows."""
    offsets: npt.NDArray[np.int32]
    """[sections, rows]: where each row lies in each section of a position, counted from the first; one section but for M-RoPE."""
    moving: npt.NDArray[np.int32]
    """[sections, rows]: 1 where the offset counts from the sequence's position, 0 where it is the position itself."""
    mutual: bool
    """Whether these rows see those after them (attention that is not causal)."""

    @property
    def length(self) -> int:
        """How many."""
        return int(self.values.shape[0])

    def positions_at(self, start: int, stop: int, position: int) -> npt.NDArray[np.int32]:
        """[sections, stop - start]: where these rows lie if the first of all is at `position`."""
        return self.offsets[:, start:stop] + self.moving[:, start:stop] * np.int32(position)

    def stand_ins(self) -> list[int]:
        """A number below zero for each row."""
        drawn = np.frombuffer(hashlib.shake_256(self.key).digest(4 * self.length), np.int32)
        return (drawn | np.int32(-(2**31))).tolist()


Reading = tuple[list[int] | Rows, ...]
"""What a file becomes: rows, and the tokens that the model wants around and between them."""


class Readings(NamedTuple):
    """What the media of one request became, by their markers."""

    by_marker: dict[str, Reading]
    seconds: float = 0.0
    read: int = 0
    """How many were not known yet."""


class Span(NamedTuple):
    """Where rows stand in a prompt."""

    start: int
    rows: Rows

    @property
    def stop(self) -> int:
        """The token after them."""
        return self.start + self.rows.length


def position_of(index: int, spans: Sequence[Span]) -> int:
    """The position of the token at `index`, which lies in no span, or is the first of one."""
    return index - sum(span.rows.length - span.rows.positions for span in spans if span.stop <= index)


def shared_length(length: int, spans: Sequence[Span], keys: Mapping[int, bytes]) -> int:
    """How many tokens two lists share at their beginning, if the numbers of the first `length` are equal.

    `spans` are those of one, `keys` those of the other's rows by where they begin.

    Rows are shared whole or not at all, and only if they come from the same file: that the stand-ins are equal is not enough, as
    two files could be made that have some in common.
    """
    for span in spans:
        if span.start >= length:
            break
        if span.stop > length or keys.get(span.start) != span.rows.key:
            return span.start
    return length


class ReadingCache:
    """Readings by the hash of their file, least recently used last, within a bound."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._used_bytes = 0
        self._readings: OrderedDict[bytes, Reading] = OrderedDict()

    def get(self, content: bytes) -> Reading | None:
        """The reading of a file that was read lately."""
        reading = self._readings.get(content)
        if reading is not None:
            self._readings.move_to_end(content)
        return reading

    def put(self, content: bytes, reading: Reading) -> None:
        """Remember a reading; one that is larger than the bound is not."""
        size_bytes = reading_bytes(reading)
        if size_bytes > self._capacity_bytes or content in self._readings:
            return
        self._readings[content] = reading
        self._used_bytes += size_bytes
        while self._used_bytes > self._capacity_bytes:
            _, oldest = self._readings.popitem(last=False)
            self._used_bytes -= reading_bytes(oldest)


def reading_bytes(reading: Reading) -> int:
    """Memory that the rows of a reading take."""
    return sum(piece.values.nbytes + piece.offsets.nbytes * 2 for piece in reading if isinstance(piece, Rows))


def takes_none(part: MediaPart) -> CrofterError:
    """The error for media that the model has no projector for."""
    return CrofterError(
        ErrorCode.UNSUPPORTED,
        f"{part.place}: this model takes no {'images' if part.kind == 'image' else 'sound'}",
        parameter=part.place,
    )
