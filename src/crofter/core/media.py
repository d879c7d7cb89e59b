"""What a file is by its first bytes, and where images and sounds stand in a text. Pure."""

import re
from collections.abc import Iterator, Sequence

from .values import MediaPart

_BEGINNINGS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"BM"), "image/bmp"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"), "audio/mpeg"),
)


def media_type_of(file: bytes) -> str | None:
    """`image/png` and the like, whatever whoever sent it called it; None for what is neither image nor sound known here."""
    return next((name for beginning, name in _BEGINNINGS if beginning.match(file)), None)


def pieces_of(text: str, media: Sequence[MediaPart]) -> Iterator[str | MediaPart]:
    """A text taken apart at the markers of `media`: what is written, and what is shown in between; no empty texts."""
    by_marker = {part.marker: part for part in media}
    for piece in re.split("(" + "|".join(map(re.escape, by_marker)) + ")", text) if media else (text,):
        if piece:
            yield by_marker.get(piece, piece)
