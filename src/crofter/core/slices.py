"""A part of a model's layers as a file of its own, and the rows that pass from one part to the next."""

import msgspec

from .ids import ModelId
from .values import ModelFile


class EmbeddingTable(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model's token embeddings lie in a file, one row for each token, and what the model multiplies them by."""

    path: str
    offset: int
    """Of the first row, in bytes."""
    type_number: int
    """ggml's number of the type that the rows are stored in."""
    row_bytes: int
    row_count: int
    width: int
    """Numbers of a row."""
    scale: float = 1.0


class SliceFile(ModelFile, frozen=True, kw_only=True):
    """Layers `[start, stop)` of a model as a GGUF that llama.cpp loads; `model_id` is the hash of source, range and slicer.

    `shape`, `layer_count` and `size_bytes` are those of the file, layers of zeros that a rule asks for included.
    """

    source_id: ModelId
    """The whole model."""
    source_layer_count: int
    start: int
    stop: int
    """With `start`: none at all for ends that keep no layer."""
    hidden_tensor: str = ""
    """The tensor whose rows are the result, as llama.cpp names it, for example `l_out-7`; empty for the ends, which give logits."""
    input_scale: float = 1.0
    """What rows from the stage before are multiplied by on the way in, where llama.cpp's graph scales its input by itself."""
    output_scale: float = 1.0
    """And the result on the way out."""
    embeddings: EmbeddingTable | None = None
    """Set for the ends: the tokeniser, the embedding table and the output head are in this file."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive rows of one session: hidden states, or embeddings of tokens and images."""

    position: int
    """Where in the sequence the first lies; what a stage holds from there on is replaced."""
    count: int
    wanted: int
    """Of how many, the last ones, the end of the route is to give the result."""
    values: bytes
    """float32, little-endian, shape [count, width]."""
    positions: bytes = b""
    """int32, little-endian, shape [sections, count], for rows of images in models that give them more than one; else empty."""
    mutual: bool = False
    """Whether each row sees those after it as well, as those of some images do."""
