"""What a model sees and hears: files of images and sounds become readings, each file once."""

import hashlib
import time
import weakref
from collections.abc import Callable
from functools import partial
from itertools import count

import numpy as np
import numpy.typing as npt

from crofter.core import CrofterError, ErrorCode, MediaPart
from crofter.engine.wire import LoadPlan

from .decoders import ImageDecoder, SoundDecoder
from .library import Model
from .media import Reading, ReadingCache, Readings, Rows, takes_none
from .projector import Permit, Projector

_MOST_HELD_BYTES = 1024 * 1024 * 1024
"""Rows that are waiting, being answered and kept, all together; a request that finds more is turned away."""


class Senses:
    """Reads media one by one, and keeps what it read. Used by one thread at a time."""

    def __init__(self, model: Model, plan: LoadPlan) -> None:
        """Raises CrofterError(MODEL_LOAD_FAILED) as `Projector` does."""
        self._projector = Projector(model, plan)
        self._images = ImageDecoder()
        self._sounds = SoundDecoder(self._projector.sample_rate)
        self._context_tokens = plan.context_tokens
        self._step_rows = plan.micro_batch_rows
        self._cache = ReadingCache(plan.media_cache_bytes)
        self._alive: weakref.WeakValueDictionary[int, npt.NDArray[np.float32]] = weakref.WeakValueDictionary()
        self._numbers = count()

    def read(self, parts: tuple[MediaPart, ...], wanted: Callable[[], bool] = lambda: True) -> Readings:
        """What each part becomes. `wanted` is asked before each whether anybody still waits.

        Raises CrofterError naming the part's place, before it computes anything for it: CONTEXT_LENGTH_EXCEEDED as soon as the parts
        alone are too long, UNSUPPORTED, CANCELLED.
        """
        started = time.monotonic()
        read = rows = 0
        found: dict[str, Reading] = {}
        for part in parts:
            if not wanted():
                raise CrofterError(ErrorCode.CANCELLED, "nobody waits for it any more")
            content = hashlib.sha256(part.kind.encode() + part.data).digest()
            permit = partial(self._permit, part.place, rows)
            reading = self._cache.get(content)
            if reading is None:
                reading = self._read(part, content, permit)
                self._cache.put(content, reading)
                read += 1
            length = sum(piece.length for piece in reading if isinstance(piece, Rows))
            permit(length)
            rows += length
            found[part.marker] = reading
        return Readings(found, time.monotonic() - started if read else 0.0, read)

    def close(self) -> None:
        """End the processes that decode."""
        self._images.close()
        self._sounds.close()

    def _permit(self, place: str, before: int, rows: int, mutual: int = 0) -> None:
        if before + rows >= self._context_tokens:
            raise CrofterError(
                ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                f"prompt is too long: up to {place} its images and sounds alone are {before + rows} tokens > "
                f"{self._context_tokens - 1} maximum",
                parameter=place,
            )
        if mutual > self._step_rows:
            raise CrofterError(
                ErrorCode.UNSUPPORTED,
                f"{place} becomes {mutual} tokens that have to be computed in one step, and the steps of this model have "
                f"{self._step_rows}; a smaller image may do",
                parameter=place,
            )

    def _read(self, part: MediaPart, content: bytes, permit: Permit) -> Reading:
        self._require_room()
        if part.kind == "image" and self._projector.sees:
            reading = self._projector.read_picture(self._images.decode(part.data, part.place), content, permit)
        elif part.kind == "audio" and self._projector.sample_rate:
            reading = self._projector.read_sound(self._sounds.decode(part.data, part.place), content, permit)
        else:
            raise takes_none(part)
        for piece in reading:
            if isinstance(piece, Rows):
                self._alive[next(self._numbers)] = piece.values
        return reading

    def _require_room(self) -> None:
        if sum(values.nbytes for values in self._alive.values()) > _MOST_HELD_BYTES:
            raise CrofterError(
                ErrorCode.OVERLOADED, "too many images and sounds wait for this model", retry_after_seconds=5.0
            )
