"""Images become pixels and sounds samples; whatever else is sent as one costs an error and nothing more."""

import contextlib
import io
import wave
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from crofter.core import CrofterError, ErrorCode
from crofter.engine.worker.decoders import (
    LONGEST_SECONDS,
    LONGEST_SIDE,
    MAXIMUM_FILE_BYTES,
    MAXIMUM_PIXELS,
    ImageDecoder,
    SoundDecoder,
)
from tests.image_files import encoded, picture, png, png_claiming

PLACE = "messages[0].content[1]"


@pytest.fixture(scope="module")
def decoder() -> Iterator[ImageDecoder]:
    decoder = ImageDecoder()
    yield decoder
    decoder.close()


def decoded(decoder: ImageDecoder, file: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    found = decoder.decode(file, PLACE)
    return found.pixels.reshape(found.height, found.width, 3)


def error_of(decoder: ImageDecoder, file: bytes) -> CrofterError:
    with pytest.raises(CrofterError) as caught:
        decoder.decode(file, PLACE)
    assert caught.value.parameter == PLACE
    return caught.value


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "GIF", "JPEG"])
def test_every_kind_is_decoded(decoder: ImageDecoder, kind: str) -> None:
    red = Image.new("RGB", (30, 20), (200, 30, 40))
    pixels = decoded(decoder, encoded(red, kind))
    assert pixels.shape == (20, 30, 3)
    assert np.abs(pixels[10, 10].astype(int) - (200, 30, 40)).max() <= 6


def test_pixels_are_not_changed(decoder: ImageDecoder) -> None:
    image = picture(1, (7, 5))
    assert np.array_equal(decoded(decoder, encoded(image)), np.asarray(image))


def test_what_a_camera_turned_is_put_upright(decoder: ImageDecoder) -> None:
    image = Image.new("RGB", (30, 20), "black")
    image.paste("white", (0, 0, 10, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    pixels = decoded(decoder, encoded(image, exif=exif))
    assert pixels.shape == (30, 20, 3)
    assert pixels[2].min() == 255
    assert pixels[20].max() == 0


def test_what_is_transparent_lies_on_white(decoder: ImageDecoder) -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.putpixel((0, 0), (10, 20, 30, 255))
    pixels = decoded(decoder, encoded(image))
    assert pixels[0, 0].tolist() == [10, 20, 30]
    assert pixels[3, 3].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK"])
def test_every_kind_of_colour_becomes_three_channels(decoder: ImageDecoder, mode: str) -> None:
    grey = Image.new("L", (8, 8), 128)
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 8), 128 * 256, np.uint16))
    else:
        image = grey.convert("RGB").convert(mode) if mode == "CMYK" else grey.convert(mode)
    pixels = decoded(decoder, encoded(image, "JPEG" if mode == "CMYK" else "PNG"))
    assert pixels.shape == (8, 8, 3)
    if mode != "1":
        assert np.abs(pixels.astype(int) - 128).max() <= 4


def test_an_animation_is_its_first_frame(decoder: ImageDecoder) -> None:
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "blue", "green")]
    file = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decoded(decoder, file)[3, 3].tolist() == [255, 0, 0]


def test_more_than_any_model_looks_at_is_made_smaller(decoder: ImageDecoder) -> None:
    pixels = decoded(decoder, encoded(Image.new("L", (LONGEST_SIDE * 2, 100))))
    assert pixels.shape == (50, LONGEST_SIDE, 3)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"no image at all",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        png()[:200],
        png()[:-60] + b"\x00" * 60,
        png_claiming(0, 10),
        png_claiming(10, 10),
        encoded(picture(), "JPEG")[:300],
        encoded(picture(), "TIFF"),
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
    ],
    ids=["empty", "text", "svg", "postscript", "cut", "damaged", "no-width", "no-rows", "cut-jpeg", "tiff", "sound"],
)
def test_what_is_no_whole_image_is_refused_and_the_next_is_decoded(decoder: ImageDecoder, file: bytes) -> None:
    assert error_of(decoder, file).code is ErrorCode.INVALID_REQUEST
    assert decoded(decoder, png()).shape == (40, 60, 3)


def test_a_size_that_would_fill_the_memory_is_refused_by_its_header(decoder: ImageDecoder) -> None:
    for width, height in [(60_000, 60_000), (8_000, 7_000), (2_000_000_000, 2)]:
        error = error_of(decoder, png_claiming(width, height))
        assert error.code is ErrorCode.INVALID_REQUEST
        assert f"{MAXIMUM_PIXELS:,}" in error.message


def test_a_bomb_is_refused(decoder: ImageDecoder) -> None:
    # Some forty thousand bytes that would be forty million; its header is honest, and then it is not.
    assert "pixels" in error_of(decoder, png_claiming(20_000, 20_000, b"\x00" * 40_000_000)).message
    assert decoded(decoder, png_claiming(2, 1, b"\x00" * 40_000_000)).shape == (1, 2, 3)


def test_an_image_with_something_else_after_it_is_that_image(decoder: ImageDecoder) -> None:
    assert decoded(decoder, png() + b"PK\x03\x04<script>alert(1)</script>").shape == (40, 60, 3)


def test_a_file_that_is_too_large_does_not_reach_the_process(decoder: ImageDecoder) -> None:
    assert error_of(decoder, b"\x89PNG" + b"\x00" * MAXIMUM_FILE_BYTES).code is ErrorCode.REQUEST_TOO_LARGE


def test_an_image_that_takes_too_long_ends_the_process_and_the_next_has_another() -> None:
    decoder = ImageDecoder(limit_seconds=0.02)
    noise = encoded(picture(size=(3000, 3000)), compress_level=1)
    assert "too much time" in error_of(decoder, noise).message
    patient = ImageDecoder()
    assert decoded(patient, png()).shape == (40, 60, 3)
    decoder.close()
    patient.close()


def test_mutants_of_images_never_take_the_decoder_down(decoder: ImageDecoder) -> None:
    random = np.random.default_rng(3)
    files = [encoded(picture(2, (33, 21)), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP")]
    for _ in range(40):
        file = bytearray(files[int(random.integers(len(files)))])
        for _ in range(int(random.integers(1, 8))):
            file[int(random.integers(len(file)))] = int(random.integers(256))
        with contextlib.suppress(CrofterError):
            found = decoder.decode(bytes(file), PLACE)
            assert found.pixels.size == found.width * found.height * 3
    assert decoded(decoder, png()).shape == (40, 60, 3)


RATE = 16_000


@pytest.fixture(scope="module")
def ears() -> Iterator[SoundDecoder]:
    ears = SoundDecoder(RATE)
    yield ears
    ears.close()


def tone(seconds: float = 0.5, rate: int = RATE, channels: int = 1, hertz: float = 440.0) -> np.ndarray:
    samples = 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
    return np.repeat(samples[:, None], channels, axis=1)


def sound(samples: np.ndarray, rate: int = RATE, width: int = 2) -> bytes:
    """A WAV file with samples of so many bytes."""
    whole = np.round(samples * (2 ** (8 * width - 1) - 1)).astype("<i8") + (128 if width == 1 else 0)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(samples.shape[1])
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(whole.reshape(-1, 1).view(np.uint8)[:, :width].tobytes())
    return file.getvalue()


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1)])
def test_every_kind_of_sound_becomes_one_channel_at_the_rate_asked_for(
    ears: SoundDecoder, width: int, rate: int, channels: int
) -> None:
    samples = ears.decode(sound(tone(1.0, rate, channels), rate, width), PLACE)
    assert abs(samples.size - RATE) < RATE // 10
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(int(spectrum.argmax()) * RATE / samples.size - 440) < 5
    assert 0.4 < np.abs(samples[RATE // 4 : RATE // 2]).max() < 0.6


@pytest.mark.parametrize(
    "file",
    [b"", b"no sound", png(), sound(tone())[:20], sound(tone(0.001)), sound(tone())[:60], b"ID3" + bytes(500)],
    ids=["empty", "text", "image", "cut", "short", "cut-short", "mp3"],
)
def test_what_is_no_sound_is_refused(ears: SoundDecoder, file: bytes) -> None:
    with pytest.raises(CrofterError) as caught:
        ears.decode(file, PLACE)
    assert (caught.value.code, caught.value.parameter) == (ErrorCode.INVALID_REQUEST, PLACE)
    assert ears.decode(sound(tone()), PLACE).size == RATE // 2


def test_a_sound_that_lasts_too_long_is_refused_by_its_header(ears: SoundDecoder) -> None:
    silence = sound(np.zeros((8_000 * (LONGEST_SECONDS + 1), 1)), 8_000, 1)
    with pytest.raises(CrofterError, match="seconds, and"):
        ears.decode(silence, PLACE)
