"""What parts of a model take of memory: pure arithmetic, the same for planning and for trying out."""

from typing import NamedTuple

import msgspec

from crofter.core import ModelFile
from crofter.engine import LoadChoice, memory_need, part_shape, stage_kv_tokens
from crofter.models import Header, covering, legal_cuts, read_layers

from .placement import Layers

ROWS_AT_ONCE = 512
SPARE_SHARE = 0.9
"""Of the memory that a node has left: packed full, the first token fails."""


class PartNeeds(NamedTuple):
    """Of one model."""

    layers: Layers
    ends_bytes: int
    """Of tokeniser, embeddings and head, at the requester."""


def part_needs(file: ModelFile, header: Header, context_tokens: int, sequences: int) -> PartNeeds:
    """For answers of so many tokens, and so many of them at once. Raises UNSUPPORTED for a model that cannot be cut."""
    cut = read_layers(header)
    shape = file.shape
    kv_tokens = stage_kv_tokens(context_tokens)
    choice = LoadChoice(
        kv_tokens=kv_tokens,
        sequences=sequences,
        # As the engine loads it.
        micro_batch_rows=min(ROWS_AT_ONCE, kv_tokens),
        fused_attention=True,
    )

    def need_bytes(start: int, stop: int) -> int:
        first, end = covering(cut, start, stop)
        # Layers of zeros take no memory that is not shared, but the caches of theirs.
        return memory_need(part_shape(shape, first, end), choice).host.total_bytes

    ends_shape = msgspec.structs.replace(
        part_shape(shape, 0, 0),
        vocabulary_size=shape.vocabulary_size,
        input_bytes=shape.input_bytes,
        output_bytes=shape.output_bytes,
    )
    ends = memory_need(ends_shape, msgspec.structs.replace(choice, kv_tokens=ROWS_AT_ONCE))
    return PartNeeds(
        layers=Layers(
            count=cut.count,
            cuts=legal_cuts(header),
            weight_bytes=shape.layer_bytes[: cut.count],
            need_bytes=need_bytes,
        ),
        ends_bytes=ends.host.total_bytes,
    )
