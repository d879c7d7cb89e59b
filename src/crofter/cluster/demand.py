"""What the parts of a model take of memory, and which of them stay at home: pure arithmetic over its header."""

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelFile
from crofter.engine import EngineSettings, LoadChoice, memory_need, part_shape, stage_kv_tokens, with_projector
from crofter.models import covering, legal_cuts, read_layers

from .placement import Layers
from .weights import Source

ROWS_AT_ONCE = 512
_USUAL_CONTEXT_TOKENS = 8192


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """A model as a route of it needs it."""

    context_tokens: int
    cuts: tuple[int, ...]
    layer_count: int
    layers: Layers
    """Those to be placed."""
    ends_bytes: int

    @property
    def kept_from(self) -> int:
        """The first layer that the ends keep; the number of all layers where they keep none."""
        return self.layers.count


def demand(source: Source, settings: EngineSettings, private_layers: int) -> Demand:
    """With `private_layers`, so many of the first and of the last ones, or a few more where it cannot be cut there, stay at home.

    Raises UNSUPPORTED if the model cannot be cut, or if those are all it has.
    """
    cut, cuts, file = read_layers(source.header), legal_cuts(source.header), source.file
    asked = file.context_tokens or settings.context_tokens or _USUAL_CONTEXT_TOKENS
    context_tokens = min(asked, file.context_length or asked)
    choice = LoadChoice(
        kv_tokens=stage_kv_tokens(context_tokens),
        sequences=settings.parallel_requests,
        micro_batch_rows=min(ROWS_AT_ONCE, context_tokens),
        fused_attention=True,
    )

    def need_bytes(start: int, stop: int) -> int:
        first, end = covering(cut, start, stop)
        # Layers of zeros take no memory that is not shared, but the caches of theirs.
        return memory_need(part_shape(file.shape, first, end), choice).host.total_bytes

    private, kept_from = _private(cuts, cut.count, private_layers)
    kept = covering(cut, kept_from, cut.count) if kept_from < cut.count else (0, 0)
    return Demand(
        context_tokens=context_tokens,
        cuts=cuts,
        layer_count=cut.count,
        layers=Layers(
            count=kept_from,
            cuts=tuple(each for each in cuts if each < kept_from),
            weight_bytes=file.shape.layer_bytes[:kept_from],
            need_bytes=need_bytes,
            private=private,
        ),
        ends_bytes=_ends_bytes(file, kept, choice),
    )


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


def least_ends_bytes(file: ModelFile, settings: EngineSettings) -> int:
    """What the ends of a model take where they keep no layer; 0 where its shape is not known."""
    if not file.shape.embedding_length:
        return 0
    choice = LoadChoice(
        kv_tokens=ROWS_AT_ONCE,
        sequences=settings.parallel_requests,
        micro_batch_rows=ROWS_AT_ONCE,
        fused_attention=True,
    )
    return _ends_bytes(file, (0, 0), choice)


def _ends_bytes(file: ModelFile, kept: tuple[int, int], choice: LoadChoice) -> int:
    shape = file.shape
    ends = msgspec.structs.replace(
        part_shape(shape, *kept),
        vocabulary_size=shape.vocabulary_size,
        input_bytes=shape.input_bytes,
        output_bytes=shape.output_bytes,
    )
    # Without layers they remember nothing.
    remembered = choice if kept != (0, 0) else msgspec.structs.replace(choice, kv_tokens=ROWS_AT_ONCE)
    return with_projector(memory_need(ends, remembered), file.projector).host.total_bytes
