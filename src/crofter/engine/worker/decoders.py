"""Files of images and sounds to pixels and samples, in processes with limits (`confined/image.py`, `confined/sound.py`)."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crofter.core import CrofterError, ErrorCode

from .confinement import ConfinedProcess

MAXIMUM_FILE_BYTES = 32 * 1024 * 1024
MAXIMUM_PIXELS = 50_000_000
"""Of an image's file: what telephones make. Some 300 MB while it is decoded."""
LONGEST_SIDE = 4096
"""Of a picture that is handed on: no projector known looks at more than some four million pixels."""
LONGEST_SECONDS = 600
_LIMIT_SECONDS = 20.0
_CHANNELS = 3
_SIZES_BYTES = 8
_SAMPLE_BYTES = 4


class Picture(NamedTuple):
    """Pixels in three channels of eight bits, row by row."""

    width: int
    height: int
    pixels: npt.NDArray[np.uint8]


class _FileDecoder:
    """Decodes files one by one. The process starts with the first, and again after one that it died of. One thread."""

    what = ""
    program = ""

    def __init__(self, limit_seconds: float, most_reply_bytes: int, *arguments: int) -> None:
        self._limit_seconds = limit_seconds
        self._most_reply_bytes = most_reply_bytes
        self._arguments = tuple(map(str, arguments))
        self._process: ConfinedProcess | None = None

    def _decoded(self, file: bytes, parameter: str) -> bytes:
        """What the program makes of a file. Raises INVALID_REQUEST or REQUEST_TOO_LARGE naming `parameter`."""
        if len(file) > MAXIMUM_FILE_BYTES:
            raise CrofterError(
                ErrorCode.REQUEST_TOO_LARGE,
                f"{parameter}: {self.what} may have {MAXIMUM_FILE_BYTES:,} bytes, and this one has {len(file):,}",
                parameter=parameter,
            )
        if self._process is None or not self._process.alive:
            self._process = ConfinedProcess(self.program, self._limit_seconds, self._most_reply_bytes, *self._arguments)
        self._process.send(file)
        outcome = self._process.reply()
        if outcome is None or outcome.kind != "done":
            reason = outcome.result.decode(errors="replace") if outcome else "it takes too much time or memory"
            raise CrofterError(
                ErrorCode.INVALID_REQUEST, f"{parameter}: {self.what} cannot be used: {reason}", parameter=parameter
            )
        return outcome.result

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()


class ImageDecoder(_FileDecoder):
    """PNG, JPEG, WebP, GIF (its first frame) and BMP."""

    what = "an image"
    program = "image.py"

    def __init__(self, limit_seconds: float = _LIMIT_SECONDS) -> None:
        most_reply_bytes = _CHANNELS * LONGEST_SIDE * LONGEST_SIDE + _SIZES_BYTES + 1
        super().__init__(limit_seconds, most_reply_bytes, MAXIMUM_PIXELS, LONGEST_SIDE)

    def decode(self, file: bytes, parameter: str) -> Picture:
        """The picture in a file. Raises INVALID_REQUEST or REQUEST_TOO_LARGE naming `parameter`."""
        found = self._decoded(file, parameter)
        pixels = np.frombuffer(found, np.uint8, offset=_SIZES_BYTES)
        return Picture(int.from_bytes(found[:4], "big"), int.from_bytes(found[4:_SIZES_BYTES], "big"), pixels)


class SoundDecoder(_FileDecoder):
    """WAV of plain samples."""

    what = "a sound"
    program = "sound.py"

    def __init__(self, sample_rate: int, limit_seconds: float = _LIMIT_SECONDS) -> None:
        """`sample_rate`: of what it hands on, in Hz."""
        most_reply_bytes = _SAMPLE_BYTES * sample_rate * (LONGEST_SECONDS + 1) + 1
        super().__init__(limit_seconds, most_reply_bytes, sample_rate, LONGEST_SECONDS)

    def decode(self, file: bytes, parameter: str) -> npt.NDArray[np.float32]:
        """The samples of a file, in one channel, from -1 to 1. Raises INVALID_REQUEST or REQUEST_TOO_LARGE naming `parameter`."""
        return np.frombuffer(self._decoded(file, parameter), np.float32)
