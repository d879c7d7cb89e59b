"""What options become on the wire."""

from pathlib import Path
from typing import Any, cast

import pytest

from crofter.client.asking import chat_request
from crofter.core import CrofterError

PNG = b"\x89PNG\r\n\x1a\nrest"
TOOL = {"type": "function", "function": {"name": "add"}}


def body_of(messages: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a caller says
    return cast(dict[str, Any], chat_request(messages, cast(Any, options)).body)


def test_nothing_is_said_that_was_not_asked_for() -> None:
    assert body_of("Hi") == {
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_options_go_where_the_api_has_them() -> None:
    body = body_of("Hi", system="Brief.", schema={"type": "object"}, tools=[TOOL], temperature=0.5, more={"n": 2})
    assert body["messages"][0] == {"role": "system", "content": "Brief."}
    assert body["response_format"]["json_schema"] == {"name": "answer", "strict": True, "schema": {"type": "object"}}
    assert (body["tools"], body["temperature"], body["n"]) == ([TOOL], 0.5, 2)


def test_the_radius_is_local_unless_more_is_allowed() -> None:
    assert chat_request("Hi", {}).headers == {"X-Crofter-Radius": "local"}
    assert chat_request("Hi", {"radius": "trusted"}).headers == {"X-Crofter-Radius": "trusted"}
    with pytest.raises(CrofterError, match="local, trusted, public"):
        chat_request("Hi", cast(Any, {"radius": "galaxy"}))


def test_images_go_with_the_last_message(tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(b"\xff\xd8\xffrest")
    conversation = [{"role": "user", "content": "Hi"}, {"role": "user", "content": "What is this?"}]
    body = body_of(conversation, images=[PNG, file, "https://example.org/a.webp"])
    first, text, *images = [body["messages"][0], *body["messages"][1]["content"]]
    assert first == conversation[0]
    assert text == {"type": "text", "text": "What is this?"}
    urls = [image["image_url"]["url"] for image in images]
    assert urls[0].startswith("data:image/png;base64,iVBOR")
    assert urls[1].startswith("data:image/jpeg;base64,/9j/")
    assert urls[2] == "https://example.org/a.webp"
    assert conversation[1]["content"] == "What is this?"


@pytest.mark.parametrize("file", [b"%PDF-1.7", b"RIFF\x00\x00\x00\x00WAVEfmt "], ids=["document", "sound"])
def test_what_is_no_image_is_not_sent(file: bytes) -> None:
    with pytest.raises(CrofterError, match="PNG"):
        body_of("Hi", images=[file])
