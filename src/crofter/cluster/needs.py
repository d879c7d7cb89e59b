"""What parts of a model take of memory, and which stay at home: pure arithmetic, the same for planning and for trying out."""

from typing import NamedTuple

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelFile
from crofter.engine import LoadChoice, memory_need, part_shape, stage_kv_tokens, with_projector
from crofter.models import Header, covering, legal_cuts, read_layers

from .placement import Layers

ROWS_AT_ONCE = 512
SPARE_SHARE = 0.9
"""Of the memory that a node has left: packed full, the first token fails."""


class PartNeeds(NamedTuple):
    """Of one model."""

    layers: Layers
    """Those to be placed: without those that the ends keep."""
    ends_bytes: int
    """Of tokeniser, embeddings and head, at the requester, with the layers that they keep."""
    cuts: tuple[int, ...]
    """Of the whole model."""
    layer_count: int

    @property
    def kept_from(self) -> int:
        """The first layer that the ends keep; the number of all layers where they keep none."""
        return self.layers.count


def part_needs(
    file: ModelFile, header: Header, context_tokens: int, sequences: int, private_layers: int = 0
) -> PartNeeds:
    """For answers of so many tokens, and so many of them at once.

    With `private_layers`, so many of the first and of the last ones, or a few more where it cannot be cut there, stay at home.
    Raises UNSUPPORTED for a model that cannot be cut, or if those are all it has.
    """
    cut, cuts, shape = read_layers(header), legal_cuts(header), file.shape
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

    private, kept_from = _private(cuts, cut.count, private_layers)
    if kept_from < cut.count:
        ends_bytes = _ends_bytes(file, choice, covering(cut, kept_from, cut.count))
    else:
        ends_bytes = least_ends_bytes(file, sequences)
    return PartNeeds(
        layers=Layers(
            count=kept_from,
            cuts=tuple(each for each in cuts if each < kept_from),
            weight_bytes=shape.layer_bytes[:kept_from],
            need_bytes=need_bytes,
            private=private,
        ),
        ends_bytes=ends_bytes,
        cuts=cuts,
        layer_count=cut.count,
    )


def least_ends_bytes(file: ModelFile, sequences: int) -> int:
    """What the ends of a model take where they keep no layer, and remember nothing."""
    choice = LoadChoice(
        kv_tokens=ROWS_AT_ONCE, sequences=sequences, micro_batch_rows=ROWS_AT_ONCE, fused_attention=True
    )
    return _ends_bytes(file, choice, (0, 0))


def _private(cuts: tuple[int, ...], count: int, private_layers: int) -> tuple[int, int]:
    """How many of the first layers stay, and the first of the last ones that do."""
    if private_layers == 0:
        return 0, count
    first = min((each for each in cuts if each >= private_layers), default=count)
    last = max((each for each in cuts if each <= count - private_layers), default=0)
    if first >= last:
        raise CrofterError(
            ErrorCode.UNSUPPORTED,
            f"route.private_layers is {private_layers}, and this model has {count} layers: none is left for other nodes",
        )
    return first, last


def _ends_bytes(file: ModelFile, choice: LoadChoice, kept: tuple[int, int]) -> int:
    shape = file.shape
    ends = msgspec.structs.replace(
        part_shape(shape, *kept),
        vocabulary_size=shape.vocabulary_size,
        input_bytes=shape.input_bytes,
        output_bytes=shape.output_bytes,
    )
    return with_projector(memory_need(ends, choice), file.projector).host.total_bytes
