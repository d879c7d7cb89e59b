"""Images for tests, whole and broken ones."""

import base64
import io
import struct
import zlib

import numpy as np
from PIL import Image


def picture(seed: int = 0, size: tuple[int, int] = (60, 40)) -> Image.Image:
    """A random picture: (width, height)."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The file of an image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(seed: int = 0, size: tuple[int, int] = (60, 40)) -> bytes:
    """A random picture as a PNG."""
    return encoded(picture(seed, size))


def data_url(file: bytes, media_type: str = "image/png") -> str:
    """A file as it stands in a request."""
    return f"data:{media_type};base64,{base64.b64encode(file).decode()}"


def png_claiming(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG whose header says a size, whatever its data holds: `rows` are compressed as they are."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
