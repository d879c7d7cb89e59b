"""What a slice of a model consists of, from the model's header alone. Pure."""

import math

import msgspec

from crofter.core import CrofterError, ErrorCode
from crofter.models.gguf.header import Header

from .ghosts import shrink
from .layers import Layers, checked_range, covering, cuts, read_layers, shortest
from .metadata import Edits, edits
from .tensors import SliceTensor, slice_tensors

_MINICPM3_EMBEDDING_SCALE = 12.0


class SlicePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A file to be written: layers `[start, stop)` of a model, and around them layers of zeros, which change nothing."""

    architecture: str
    source_layer_count: int
    """Without those that only predict further ahead."""
    start: int
    stop: int
    covered_start: int
    """Of the layers that are in the file, those of zeros included."""
    covered_stop: int
    metadata: Edits
    tensors: tuple[SliceTensor, ...]
    hidden_tensor: str
    """Empty for the ends."""
    input_scale: float
    output_scale: float
    embedding_scale: float = 1.0
    """What the rows of the embedding table are multiplied by before the first stage."""

    @property
    def is_ends(self) -> bool:
        """Whether it has the tokeniser, the embeddings and the head."""
        return not self.hidden_tensor


def legal_cuts(header: Header) -> tuple[int, ...]:
    """Where the model may be cut: numbers of layers before a cut. Raises UNSUPPORTED, with the reason, if it cannot be cut at all."""
    return cuts(read_layers(header))


def plan_slice(header: Header, start: int, stop: int) -> SlicePlan:
    """A stage: rows in, rows out. Raises UNSUPPORTED, with the reason; INVALID_REQUEST if there is no such range."""
    layers = read_layers(header)
    checked_range(layers, start, stop)
    run = covering(layers, start, stop)
    input_scale, output_scale = _scales(layers, start, run)
    return SlicePlan(
        architecture=layers.architecture,
        source_layer_count=layers.count,
        start=start,
        stop=stop,
        covered_start=run[0],
        covered_stop=run[1],
        metadata=edits(layers, start, run, is_ends=False),
        tensors=slice_tensors(layers, (start, stop), run, is_ends=False),
        hidden_tensor=layers.rules.hidden.format(last=run[1] - run[0] - 1),
        input_scale=input_scale,
        output_scale=output_scale,
    )


def plan_ends(header: Header, start: int | None = None) -> SlicePlan:
    """What the requester keeps: tokeniser, embeddings, final norm and head, with the last layers from `start` on; None: with none.

    Raises UNSUPPORTED, with the reason; INVALID_REQUEST if `start` is not from 1 to the number of layers.
    """
    layers = read_layers(header)
    start = layers.count if start is None else start
    if not 1 <= start <= layers.count:
        raise CrofterError(
            ErrorCode.INVALID_REQUEST, f"The ends can keep the layers from 1 to {layers.count} on, not from {start} on."
        )
    if start < layers.count:
        checked_range(layers, start, layers.count)
    run = covering(layers, start, layers.count) if start < layers.count else shortest(layers)
    input_scale, _ = _scales(layers, start, run)
    metadata = edits(layers, start, run, is_ends=True)
    tensors = slice_tensors(layers, (start, layers.count), run, is_ends=True)
    if start == layers.count:
        metadata, tensors = shrink(layers, run, metadata, tensors)
    return SlicePlan(
        architecture=layers.architecture,
        source_layer_count=layers.count,
        start=start,
        stop=layers.count,
        covered_start=run[0],
        covered_stop=run[1],
        metadata=metadata,
        tensors=tensors,
        hidden_tensor="",
        input_scale=input_scale,
        output_scale=1.0,
        embedding_scale=_root_of_width(layers) if layers.rules.input_scaling == "tokens" else 1.0,
    )


def _scales(layers: Layers, start: int, run: tuple[int, int]) -> tuple[float, float]:
    """What rows are multiplied by before they go in and after they come out."""
    if layers.architecture == "minicpm3":
        # Each layer adds 1.4 / sqrt(layers of the file) of its result, so the whole stream has to be larger by as much.
        larger = math.sqrt(layers.count / (run[1] - run[0])) if start < layers.count else 1.0
        return (larger / _MINICPM3_EMBEDDING_SCALE if start else larger), 1 / larger
    if layers.rules.input_scaling == "always" and start:
        return 1 / _root_of_width(layers), 1.0
    return 1.0, 1.0


def _root_of_width(layers: Layers) -> float:
    return math.sqrt(layers.integer("embedding_length"))
