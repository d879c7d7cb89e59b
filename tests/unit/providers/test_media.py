"""Images and sounds in the forms of both wires, and those that have none there."""

import base64
from typing import Any, Literal

import msgspec
import pytest

from crofter.core import ChatPrompt, CrofterError, ErrorCode, GenerationRequest, MediaPart, Message, RequestId
from crofter.providers import KINDS, Provider, anthropic, openai
from crofter.providers.refusals import MOST_FILE_BYTES, require_possible
from tests.image_files import data_url, encoded, picture, png


def request(prompt: ChatPrompt) -> GenerationRequest:
    return GenerationRequest(request_id=RequestId("r"), model="m", prompt=prompt)


def body_for(prompt: ChatPrompt) -> dict[str, Any]:
    return openai.sending(KINDS["openai"], "m", request(prompt)).body


def shown(*parts: MediaPart, role: str = "user") -> ChatPrompt:
    """One message that shows `parts` between texts, and is the result of a call if a tool says it."""
    text = "Look: " + " and ".join(part.marker for part in parts)
    return ChatPrompt(messages=(Message(role=role, content=text, tool_call_id="c"),), media=parts)


def part(data: bytes, kind: Literal["image", "audio"] = "image", number: int = 0) -> MediaPart:
    return MediaPart(kind=kind, data=data, marker=f"<{kind}-{number}>", place=f"messages[0].content[{number}]")


PICTURE, PHOTO, SOUND = (
    part(png(1)),
    part(encoded(picture(2), "JPEG"), number=1),
    part(b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio", 2),
)


def test_openai_is_shown_files_where_they_stood() -> None:
    [message] = body_for(shown(PICTURE, PHOTO, SOUND))["messages"]
    first, image, between, photo, _, sound = message["content"]
    assert (first, between) == ({"type": "text", "text": "Look: "}, {"type": "text", "text": " and "})
    assert image == {"type": "image_url", "image_url": {"url": data_url(PICTURE.data)}}
    assert photo == {"type": "image_url", "image_url": {"url": data_url(PHOTO.data, "image/jpeg")}}
    assert base64.b64decode(sound["input_audio"]["data"]) == SOUND.data
    assert sound["input_audio"]["format"] == "wav"


def test_messages_that_show_nothing_stay_texts() -> None:
    prompt = shown(PICTURE)
    talk = msgspec.structs.replace(prompt, messages=(*prompt.messages, Message(role="user", content="And now?")))
    assert body_for(talk)["messages"][1]["content"] == "And now?"


def test_anthropic_is_shown_images_in_turns_and_in_results() -> None:
    source = {"type": "base64", "media_type": "image/jpeg", "data": base64.b64encode(PHOTO.data).decode()}
    wanted = [{"type": "text", "text": "Look: "}, {"type": "image", "source": source}]
    assert anthropic.sending("c", request(shown(PHOTO))).body["messages"][0]["content"] == wanted
    [result] = anthropic.sending("c", request(shown(PHOTO, role="tool"))).body["messages"][0]["content"]
    assert (result["type"], result["content"]) == ("tool_result", wanted)


def test_anthropic_gets_blocks_without_the_space_between_them() -> None:
    apart = Message(role="user", content=f"{PICTURE.marker}\n{PHOTO.marker}\nWell?")
    prompt = ChatPrompt(messages=(apart,), media=(PICTURE, PHOTO))
    [turn] = anthropic.sending("c", request(prompt)).body["messages"]
    assert [block["type"] for block in turn["content"]] == ["image", "image", "text"]
    assert turn["content"][2]["text"] == "Well?"


@pytest.mark.parametrize(
    ("kind", "prompt", "place"),
    [
        ("openai", shown(PICTURE, part(b"%PDF-1.7", number=1)), "messages[0].content[1]"),
        ("openai", shown(part(PICTURE.data, "audio")), "messages[0].content[0]"),
        ("anthropic", shown(SOUND), "messages[0].content[2]"),
        ("anthropic", shown(PICTURE, role="system"), "messages[0].content[0]"),
    ],
    ids=["document", "image as sound", "sound", "image of the system"],
)
def test_what_has_no_form_is_refused_by_its_place(kind: str, prompt: ChatPrompt, place: str) -> None:
    with pytest.raises(CrofterError) as caught:
        require_possible(provider(kind), request(prompt))
    assert (caught.value.code, caught.value.parameter) == (ErrorCode.UNSUPPORTED, place)


def test_a_file_too_large_is_not_sent() -> None:
    large = part(PICTURE.data.ljust(MOST_FILE_BYTES + 1, b"x"))
    with pytest.raises(CrofterError, match=r"larger than the 20\.0 MB") as caught:
        require_possible(provider("openai"), request(shown(large)))
    assert (caught.value.code, caught.value.parameter) == (ErrorCode.REQUEST_TOO_LARGE, large.place)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_can_be_shown_to_everybody(kind: str) -> None:
    require_possible(provider(kind), request(shown(PICTURE, PHOTO)))


def provider(kind: str) -> Provider:
    return Provider(name="there", kind_name=kind, base_url="", radius="public")
