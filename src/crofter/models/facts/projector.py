"""How much memory a projector takes: the part of a model that turns images or sounds into rows of its input."""

import msgspec

from crofter.models.gguf.header import Header

_NUMBER_BYTES = 4
_MAXIMUM_LENGTH = 1 << 20
_ANY_SIZE_PATCHES = 4 * 46 * 46
"""Of the image that libmtmd makes its buffers for where a projector takes images of any size (`clip_hparams::set_warmup_n_tokens`)."""
_SOUND_FRAMES = 1500
"""Of 30 seconds in Whisper's encoder, of which most others are made."""


class ProjectorShape(msgspec.Struct, frozen=True, kw_only=True):
    """Kept as JSON with a model's facts: a new field needs a default."""

    weight_bytes: int
    step_bytes: int
    """What is alive at the widest place of its largest step, about: it grows with the image."""


def read_projector_shape(header: Header) -> ProjectorShape:
    """The shape that a projector's header tells."""
    return ProjectorShape(
        weight_bytes=sum(tensor.size_bytes for tensor in header.tensors),
        step_bytes=max(_step_bytes(header, "vision", _patches(header)), _step_bytes(header, "audio", _SOUND_FRAMES)),
    )


def _step_bytes(header: Header, sense: str, rows: int) -> int:
    width = header.integer(f"clip.{sense}.embedding_length", 0, limit=_MAXIMUM_LENGTH)
    inside = header.integer(f"clip.{sense}.feed_forward_length", 0, limit=_MAXIMUM_LENGTH) or 4 * width
    return rows * _NUMBER_BYTES * (4 * width + 2 * inside) if width else 0


def _patches(header: Header) -> int:
    side = header.integer("clip.vision.image_size", 0, limit=_MAXIMUM_LENGTH)
    patch = max(1, header.integer("clip.vision.patch_size", 0, limit=_MAXIMUM_LENGTH))
    most_pixels = max(side * side, header.integer("clip.vision.image_max_pixels", 0))
    any_size = "clip.vision.spatial_merge_size" in header.metadata or "merger" in header.text("clip.projector_type")
    return max(most_pixels // patch**2, _ANY_SIZE_PATCHES if any_size else 0)
