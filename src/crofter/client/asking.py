"""What to send for a question. Pure, but for reading images that are named by a path."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from crofter.core import RADII, CrofterError, ErrorCode, Radius, media_type_of

from .request import Request

Messages = str | Sequence[Mapping[str, object]]
"""What the user says, or a conversation: messages as OpenAI's API has them."""
Image = bytes | Path | str
"""PNG, JPEG, WebP, GIF or BMP: the file's bytes, where it lies, or its address (`https:` or `data:`)."""

_AS_THEY_ARE = frozenset({"model", "tool_choice", "max_tokens", "temperature", "top_p", "seed", "stop"})


class ChatOptions(TypedDict, total=False):
    """What may be said about an answer; what is left out or None is the node's choice."""

    model: str
    """A name on the node; its default model otherwise."""
    radius: Radius | None
    """How far the prompt may travel: this node (`local`, if nothing is said), `trusted` peers, or the `public`.
    None: as the node's settings say."""
    readers: Radius | None
    """Who may read the prompt on its way; None: whoever it may travel to. `local` with a wider radius: others compute with hidden
    states of it only."""
    system: str | None
    """How the model should behave."""
    schema: Mapping[str, object] | None
    """The answer is JSON by this JSON Schema (`Reply.json`)."""
    tools: Sequence[Mapping[str, object]]
    """Functions as in OpenAI's API: `{"type": "function", "function": {"name", "description", "parameters"}}`."""
    tool_choice: str | Mapping[str, object] | None
    """`auto`, `required`, `none`, or the one to call."""
    images: Sequence[Image]
    """Shown with the last message; the model has to see."""
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    seed: int | None
    """The same seed gives the same answer."""
    stop: str | Sequence[str] | None
    more: Mapping[str, object]
    """Any other field of chat completions."""


def chat_request(messages: Messages, options: ChatOptions) -> Request:
    """One streamed answer. Raises INVALID_REQUEST for an image that is none, OSError for one that cannot be read."""
    body = {name: value for name, value in options.items() if name in _AS_THEY_ARE and value is not None}
    said: Sequence[Mapping[str, object]] = (
        [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    )
    conversation = [*said]
    if conversation and (images := options.get("images")):
        conversation[-1] = with_images(conversation[-1], images)
    if system := options.get("system"):
        conversation.insert(0, {"role": "system", "content": system})
    if tools := options.get("tools"):
        body["tools"] = tools
    if (schema := options.get("schema")) is not None:
        named = {"name": "answer", "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    body |= {"messages": conversation, "stream": True, "stream_options": {"include_usage": True}}
    body |= options.get("more", {})
    headers = radius_header(options.get("radius", "local"))
    headers |= radius_header(options.get("readers"), "readers")
    return Request(method="POST", path="/v1/chat/completions", body=body, headers=headers, repeatable=True)


def radius_header(radius: Radius | None, name: str = "radius") -> dict[str, str]:
    """How far a prompt, or with `readers` its words, may travel, said to the node. Raises INVALID_REQUEST for what is no radius."""
    if radius is None:
        return {}
    if radius not in RADII:
        raise CrofterError(ErrorCode.INVALID_REQUEST, f"{name} is one of {', '.join(RADII)}", parameter=name)
    return {f"X-Crofter-{name.capitalize()}": radius}


def with_images(message: Mapping[str, object], images: Sequence[Image]) -> dict[str, object]:
    """The message with images before its words. Raises what `image_address` raises."""
    shown = [{"type": "image_url", "image_url": {"url": image_address(image)}} for image in images]
    words = message.get("content")
    return {**message, "content": [*shown, *(words if isinstance(words, list) else [{"type": "text", "text": words}])]}


def image_address(image: Image) -> str:
    """What stands for an image in a message. Raises INVALID_REQUEST for a file that is none, OSError for one that cannot be read."""
    if isinstance(image, str):
        return image
    data = image.read_bytes() if isinstance(image, Path) else image
    media_type = media_type_of(data)
    if media_type is None or not media_type.startswith("image/"):
        message = "an image is none of PNG, JPEG, WebP, GIF and BMP"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="images")
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
