"""How much memory a projector takes: the part of a model that turns images or sounds into rows of its input."""

import msgspec

from crofter.models.gguf.header import Header

_NUMBER_BYTES = 4
_MAXIMUM_LENGTH = 1 << 20
_ANY_SIZE_PATCHES = 4 * 46 * 46
"""Of the image that libmtmd makes its buffers for where a projector takes images of any size (`clip_hparams::set_warmup_n_tokens`)."""
_GEMMA3_MERGED = 4
"""Patches a side that become one row."""
_GEMMA4_ROWS, _GEMMA4_MERGED = 1120, 3
"""The most rows of an image (`clip_hparams::set_limit_image_tokens`)."""
_GEMMA4_CAUSAL_WIDTHS = (1536, 2560)
"""Of the two small models of Gemma 4: their rows see what is before them only."""
_SOUND_FRAMES = 1500
"""Of 30 seconds in Whisper's encoder, of which most others are made."""


class ProjectorShape(msgspec.Struct, frozen=True, kw_only=True):
    """Kept as JSON with a model's facts: a new field needs a default."""

    weight_bytes: int
    step_bytes: int
    """What is alive at the widest place of its largest step, about: it grows with the image."""
    mutual_rows: int = 0
    """The most rows of an image that see each other."""


def read_projector_shape(header: Header) -> ProjectorShape:
    """The shape that a projector's header tells."""
    return ProjectorShape(
        weight_bytes=sum(tensor.size_bytes for tensor in header.tensors),
        step_bytes=max(_step_bytes(header, "vision", _patches(header)), _step_bytes(header, "audio", _SOUND_FRAMES)),
        mutual_rows=_mutual_rows(header),
    )


def vision_kind(header: Header) -> str:
    """Which of libmtmd's kinds of projector it is for images; empty: for none."""
    return header.text("clip.projector_type") or header.text("clip.vision.projector_type")


def _mutual_rows(header: Header) -> int:
    """`mtmd_decode_use_non_causal` and `clip_n_output_tokens`."""
    match vision_kind(header):
        case "gemma3":
            merged = max(1, header.integer("clip.vision.projector.scale_factor", _GEMMA3_MERGED))
            return _patches(header) // merged**2
        case "gemma4v" if header.integer("clip.vision.projection_dim", 0) in _GEMMA4_CAUSAL_WIDTHS:
            return 0
        case "gemma4v" | "gemma4uv":
            return _GEMMA4_ROWS
        case _:
            return 0


def _step_bytes(header: Header, sense: str, rows: int) -> int:
    width = header.integer(f"clip.{sense}.embedding_length", 0, limit=_MAXIMUM_LENGTH)
    inside = header.integer(f"clip.{sense}.feed_forward_length", 0, limit=_MAXIMUM_LENGTH) or 4 * width
    return rows * _NUMBER_BYTES * (4 * width + 2 * inside) if width else 0


def _patches(header: Header) -> int:
    side = header.integer("clip.vision.image_size", 0, limit=_MAXIMUM_LENGTH)
    patch = max(1, header.integer("clip.vision.patch_size", 0, limit=_MAXIMUM_LENGTH))
    most_pixels = max(side * side, header.integer("clip.vision.image_max_pixels", 0))
    kind = vision_kind(header)
    if kind.startswith("gemma4"):
        return _GEMMA4_ROWS * _GEMMA4_MERGED**2
    any_size = "clip.vision.spatial_merge_size" in header.metadata or "merger" in kind
    return max(most_pixels // patch**2, _ANY_SIZE_PATCHES if any_size else 0)
