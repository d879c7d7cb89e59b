"""The program that decodes sounds: libsndfile inside the limits of `limits.py`.

Started by `decoders.py`, for the reasons that `image.py` has. A frame is a file; the answer its samples as little-endian 32-bit
floats, in one channel. Its arguments are how many seconds each may take, the sample rate of the answer in Hz, and how many seconds a
sound may last.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

sys.path.append(str(Path(__file__).parent))  # It is started as a file; last, so that nothing here hides another module.
from limits import RefusedError, Work, serve

_FORMATS = frozenset({"WAV", "WAVEX", "MP3", "FLAC", "OGG"})
_MAXIMUM_MEMORY_BYTES = 1536 * 1024 * 1024
_MOST_CHANNELS = 8
_MOST_SAMPLE_RATE = 192_000
_SMALLEST_SECONDS = 0.05


def decode(file: bytes, sample_rate: int, longest_seconds: int) -> bytes:
    """The samples of a file. Raises RefusedError with what is wrong."""
    try:
        with soundfile.SoundFile(io.BytesIO(file)) as sound:
            _check(sound, longest_seconds)
            samples = sound.read(longest_seconds * sound.samplerate, dtype="float32", always_2d=True).mean(axis=1)
            own_rate = sound.samplerate
    except soundfile.SoundFileError as error:
        raise RefusedError(f"it is none of {', '.join(sorted(_FORMATS))}, or damaged ({error})") from error
    if samples.size < _SMALLEST_SECONDS * own_rate:
        raise RefusedError("there is nothing to hear in it")
    samples = np.nan_to_num(_resampled(samples, own_rate, sample_rate), nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(samples, -1.0, 1.0).astype("<f4").tobytes()


def _check(sound: soundfile.SoundFile, longest_seconds: int) -> None:
    if sound.format not in _FORMATS:
        raise RefusedError(f"it is {sound.format}, and none of {', '.join(sorted(_FORMATS))}")
    if sound.channels > _MOST_CHANNELS or sound.samplerate > _MOST_SAMPLE_RATE:
        raise RefusedError(f"it has {sound.channels} channels of {sound.samplerate:,} Hz")
    if sound.frames > longest_seconds * sound.samplerate:
        raise RefusedError(f"it lasts {sound.frames // sound.samplerate:,} seconds, and {longest_seconds} are the most")


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
