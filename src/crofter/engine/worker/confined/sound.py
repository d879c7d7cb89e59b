"""The program that decodes sounds: WAV files of plain samples, inside the limits of `limits.py`.

Started by `decoders.py`, for the reasons that `image.py` has. A frame is a file; the answer its samples as little-endian 32-bit
floats, in one channel. Its arguments are how many seconds each may take, the sample rate of the answer in Hz, and how many seconds a
sound may last.
"""

import io
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.append(str(Path(__file__).parent))  # It is started as a file; last, so that nothing here hides another module.
from limits import RefusedError, Work, serve

_MAXIMUM_MEMORY_BYTES = 1536 * 1024 * 1024
_MOST_CHANNELS = 8
_MOST_SAMPLE_RATE = 192_000
_SMALLEST_SECONDS = 0.05


def decode(file: bytes, sample_rate: int, longest_seconds: int) -> bytes:
    """The samples of a file. Raises RefusedError with what is wrong."""
    try:
        with wave.open(io.BytesIO(file)) as sound:
            _check(sound, longest_seconds)
            own_rate, width, channels = sound.getframerate(), sound.getsampwidth(), sound.getnchannels()
            data = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise RefusedError(f"it is no WAV file of plain samples, or damaged ({error})") from error
    samples = _floats(data[: len(data) - len(data) % (width * channels)], width).reshape(-1, channels).mean(axis=1)
    if samples.size < _SMALLEST_SECONDS * own_rate:
        raise RefusedError("there is nothing to hear in it")
    return np.clip(_resampled(samples, own_rate, sample_rate), -1.0, 1.0).astype("<f4").tobytes()


def _check(sound: wave.Wave_read, longest_seconds: int) -> None:
    channels, rate, width = sound.getnchannels(), sound.getframerate(), sound.getsampwidth()
    if not 1 <= channels <= _MOST_CHANNELS or not 1 <= rate <= _MOST_SAMPLE_RATE or not 1 <= width <= 4:
        raise RefusedError(f"it has {channels} channels of {rate:,} Hz and {8 * width} bits")
    if sound.getnframes() > longest_seconds * rate:
        raise RefusedError(f"it lasts {sound.getnframes() // rate:,} seconds, and {longest_seconds} are the most")


def _floats(data: bytes, width: int) -> npt.NDArray[np.float32]:
    """Samples of so many bytes each between -1 and 1: whole numbers, of one byte without sign."""
    if width == 1:
        return (np.frombuffer(data, np.uint8) / 128 - 1).astype(np.float32)
    # Each stands in the upper bytes of 32 bits.
    wide = np.zeros((len(data) // width, 4), np.uint8)
    wide[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    return (wide.view("<i4").ravel() / 2**31).astype(np.float32)


def _resampled(samples: npt.NDArray[np.float32], rate: int, wanted: int) -> npt.NDArray[np.float32]:
    """The same sound at another rate: what its spectrum has below half of the smaller one, no more and no less."""
    if rate == wanted:
        return samples
    length = max(1, round(samples.size * wanted / rate))
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(length // 2 + 1, spectrum.dtype)
    shared = min(kept.size, spectrum.size)
    kept[:shared] = spectrum[:shared]
    return (np.fft.irfft(kept, length) * (length / samples.size)).astype(np.float32)


def _decoding(sample_rate: int, longest_seconds: int) -> Iterator[Work]:
    while True:
        yield lambda file: decode(file, sample_rate, longest_seconds)


if __name__ == "__main__":
    serve(_decoding(int(sys.argv[2]), int(sys.argv[3])), float(sys.argv[1]), _MAXIMUM_MEMORY_BYTES)
