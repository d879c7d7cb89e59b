import pytest

from crofter.core import MediaPart, media_type_of, pieces_of
from tests.image_files import encoded, picture


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_an_image_is_known_by_its_beginning(kind: str) -> None:
    assert media_type_of(encoded(picture(), kind)) == f"image/{kind.lower()}"


@pytest.mark.parametrize(
    ("file", "media_type"),
    [
        (b"RIFF\x0a\n\x00\x00WAVEfmt ", "audio/wav"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"", None),
        (b"%PDF-1.7 \x89PNG\r\n\x1a\n", None),
    ],
)
def test_so_are_sounds_and_all_else_is_nothing(file: bytes, media_type: str | None) -> None:
    assert media_type_of(file) == media_type


def test_a_text_is_taken_apart_where_something_is_shown() -> None:
    first, second = (MediaPart(kind="image", data=b"", marker=f"<{n}*>", place="") for n in range(2))
    assert list(pieces_of("<1*>a <0*><0*> b", (first, second))) == [second, "a ", first, first, " b"]
    assert list(pieces_of("a <0*> b", ())) == ["a <0*> b"]
    assert list(pieces_of("", (first,))) == []
