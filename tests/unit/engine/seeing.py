"""Tiny models that see or hear, and what they are asked."""

from pathlib import Path
from typing import Literal

import msgspec

from crofter.core import ChatPrompt, GenerationRequest, MediaPart, Message, ModelFile, ProjectorFile
from crofter.models.facts.projector import read_projector_shape
from crofter.models.gguf.header import read_header
from tests.projector_files import IMAGE_SIZE, ProjectorKind, write_tiny_eyes
from tests.unit.engine.conftest import ask, model_file

ANSWER_TOKENS = 12


def model_with_eyes(
    folder: Path, kind: ProjectorKind, *, context: int = 512, image_size: int = IMAGE_SIZE
) -> ModelFile:
    path, projector = write_tiny_eyes(folder, kind, context=context, image_size=image_size)
    sight = ProjectorFile(path=projector, **msgspec.structs.asdict(read_projector_shape(read_header(projector))))
    return msgspec.structs.replace(model_file(path, model_id=kind), context_length=context, projector=sight)


def chat(*contents: str | bytes, kind: Literal["image", "audio"] = "image") -> ChatPrompt:
    """One message of texts and files, in their order."""
    media = [
        MediaPart(kind=kind, data=each, marker=f"<lot-{index}>", place=f"messages[0].content[{index}]")
        for index, each in enumerate(contents)
        if isinstance(each, bytes)
    ]
    markers = iter(part.marker for part in media)
    text = "".join(each if isinstance(each, str) else next(markers) for each in contents)
    return ChatPrompt(messages=(Message(role="user", content=text),), media=tuple(media))


def about(prompt: ChatPrompt, **fields: object) -> GenerationRequest:
    values: dict[str, object] = {"max_tokens": ANSWER_TOKENS, "top_logprobs": 0}
    return ask("", prompt=prompt, **(values | fields))
