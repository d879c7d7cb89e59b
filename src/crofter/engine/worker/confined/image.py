"""The program that decodes images: Pillow inside the limits of `limits.py`.

An image is a stranger's file, and decoders of images are where programs have been broken into for decades. Started by `decoders.py`.
A frame is a file; the answer its width and height (four bytes each, big-endian) and its pixels, three bytes each. Its arguments are
how many seconds each may take, how many pixels a file may have, and how long a side of the answer may be.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

sys.path.append(str(Path(__file__).parent))  # It is started as a file; last, so that nothing here hides another module.
from limits import RefusedError, Work, serve

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_MAXIMUM_MEMORY_BYTES = 1024 * 1024 * 1024
_SIXTEEN_BIT_MODES = frozenset({"I", "I;16", "I;16B", "I;16L"})


def decode(file: bytes, maximum_pixels: int, longest_side: int) -> bytes:
    """The picture as it is meant to be seen: upright, the first frame, on white where it is transparent.

    What is larger than any model looks at is made smaller. Raises RefusedError with what is wrong.
    """
    try:
        image = Image.open(io.BytesIO(file), formats=_FORMATS)
    except UnidentifiedImageError:
        raise RefusedError(f"it is none of {', '.join(_FORMATS)}") from None
    except Image.DecompressionBombError:
        raise RefusedError(f"it has more than {maximum_pixels:,} pixels") from None
    width, height = image.size
    if width * height > maximum_pixels:
        raise RefusedError(f"it has {width} x {height} pixels, and {maximum_pixels:,} are the most")
    try:
        image.thumbnail((longest_side, longest_side), reducing_gap=2.0)
        image = _plain(ImageOps.exif_transpose(image))
        pixels = image.tobytes()
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's decoders raise all three for damaged files.
        raise RefusedError(f"it is damaged ({error})") from error
    return image.width.to_bytes(4, "big") + image.height.to_bytes(4, "big") + pixels


def _plain(image: Image.Image) -> Image.Image:
    """Three channels of eight bits."""
    if image.mode in _SIXTEEN_BIT_MODES:
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        image = Image.alpha_composite(white, seen)
    return image.convert("RGB")


def _decoding(maximum_pixels: int, longest_side: int) -> Iterator[Work]:
    while True:
        yield lambda file: decode(file, maximum_pixels, longest_side)


if __name__ == "__main__":
    limit_seconds, pixels_limit, side_limit = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    Image.MAX_IMAGE_PIXELS = pixels_limit  # Twice as many raise before anything is decoded.
    Image.preinit()
    serve(_decoding(pixels_limit, side_limit), limit_seconds, _MAXIMUM_MEMORY_BYTES)
