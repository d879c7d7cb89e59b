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
    """What may be said about an answer; what is left out is the node's choice."""

    model: str
    """A name on the node; its default model otherwise."""
    radius: Radius
    """How far the prompt may travel: this node (`local`, if nothing is said), `trusted` peers, or the `public`."""
    system: str
    """How the model should behave."""
    schema: Mapping[str, object]
    """The answer is JSON by this JSON Schema (`Reply.json`)."""
    tools: Sequence[Mapping[str, object]]
    """Functions as in OpenAI's API: `{"type": "function", "function": {"name", "description", "parameters"}}`."""
    tool_choice: str | Mapping[str, object]
    """`auto`, `required`, `none`, or the one to call."""
    images: Sequence[Image]
    """Shown with the last message; the model has to see."""
    max_tokens: int
    temperature: float
    top_p: float
    seed: int
    """The same seed gives the same answer."""
    stop: str | Sequence[str]
    more: Mapping[str, object]
    """Any other field of chat completions."""


def chat_request(messages: Messages, options: ChatOptions) -> Request:
    """One streamed answer. Raises INVALID_REQUEST for an image that is none, OSError for one that cannot be read."""
    body = {name: value for name, value in options.items() if name in _AS_THEY_ARE}
    said: Sequence[Mapping[str, object]] = (
        [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    )
    conversation = [*said]
    if conversation and (images := options.get("images")):
        conversation[-1] = _with_images(conversation[-1], images)
    if system := options.get("system"):
        conversation.insert(0, {"role": "system", "content": system})
    if tools := options.get("tools"):
        body["tools"] = tools
    if "schema" in options:
        named = {"name": "answer", "strict": True, "schema": options["schema"]}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    body |= {"messages": conversation, "stream": True, "stream_options": {"include_usage": True}}
    body |= options.get("more", {})
    headers = radius_header(options.get("radius", "local"))
    return Request(method="POST", path="/v1/chat/completions", body=body, headers=headers, repeatable=True)


def radius_header(radius: Radius) -> dict[str, str]:
    """How far a prompt may travel, said to the node. Raises INVALID_REQUEST for what is no radius."""
    if radius not in RADII:
        raise CrofterError(ErrorCode.INVALID_REQUEST, f"radius is one of {', '.join(RADII)}", parameter="radius")
    return {"X-Crofter-Radius": radius}


def _with_images(message: Mapping[str, object], images: Sequence[Image]) -> dict[str, object]:
    parts = [{"type": "image_url", "image_url": {"url": _address(image)}} for image in images]
    return {**message, "content": [{"type": "text", "text": message.get("content", "")}, *parts]}


def _address(image: Image) -> str:
    if isinstance(image, str):
        return image
    data = image.read_bytes() if isinstance(image, Path) else image
    media_type = media_type_of(data)
    if media_type is None or not media_type.startswith("image/"):
        message = "an image is none of PNG, JPEG, WebP, GIF and BMP"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="images")
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
