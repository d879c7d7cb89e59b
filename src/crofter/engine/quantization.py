"""The kinds of quantisation that can be made here, and what the process that makes them is told and tells."""

from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import msgspec

from crofter.core import CrofterError, ErrorCode, ErrorReport


class Kind(NamedTuple):
    """One kind: llama.cpp's number for it, and how large it makes a model."""

    number: int
    bits_per_weight: float
    """Of Llama 3.1 8B. (llama.cpp `tools/quantize/README.md`; computed for the 4 and 5 bit kinds of blocks of 32.)"""
    good_for: str


KINDS: dict[str, Kind] = {
    "F16": Kind(1, 16.0, "unquantised; some older tools want it"),
    "BF16": Kind(32, 16.0, "unquantised"),
    "Q8_0": Kind(7, 8.5, "as good as the original"),
    "Q6_K": Kind(18, 6.6, "hardly worse than the original"),
    "Q5_K_M": Kind(17, 5.7, "a little worse"),
    "Q5_K_S": Kind(16, 5.6, "a little worse"),
    "Q5_1": Kind(9, 6.0, "older; Q5_K_M is better"),
    "Q5_0": Kind(8, 5.6, "older; Q5_K_S is better"),
    "Q4_K_M": Kind(15, 4.9, "the usual choice"),
    "Q4_K_S": Kind(14, 4.7, "somewhat smaller than the usual choice"),
    "Q4_1": Kind(3, 5.1, "older; Q4_K_M is better"),
    "Q4_0": Kind(2, 4.6, "quick on ARM"),
    "IQ4_NL": Kind(25, 4.7, "slower to compute than Q4_K_S"),
    "IQ4_XS": Kind(30, 4.5, "smaller than Q4_K_S, slower to compute"),
    "Q3_K_L": Kind(13, 4.3, "noticeably worse"),
    "Q3_K_M": Kind(12, 4.0, "noticeably worse"),
    "IQ3_M": Kind(27, 3.8, "noticeably worse"),
    "IQ3_S": Kind(26, 3.7, "noticeably worse"),
    "Q3_K_S": Kind(11, 3.6, "much worse"),
    "Q2_K": Kind(10, 3.2, "much worse; a smaller model is mostly better"),
}
"""What llama.cpp makes without knowing which weights matter."""

_NEED_IMPORTANCE = frozenset(
    {"IQ3_XS", "IQ3_XXS", "Q2_K_S", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S"},
)
"""llama.cpp refuses these without an importance matrix, which is measured on texts."""


class QuantizeWish(NamedTuple):
    """What is to be made of a model."""

    kind: str
    """Of `KINDS`."""
    target: Path
    requantize: bool
    """Whether quantised tensors may be quantised again."""
    most_bytes: int
    """The result may take no more."""


class QuantizeJob(msgspec.Struct, frozen=True, kw_only=True):
    """A wish as the process is told it; paths are absolute."""

    source: str
    """The first or only GGUF file; llama.cpp finds the other parts by their names."""
    source_bytes: int
    """Of all parts."""
    target: str
    number: int
    """`Kind.number`."""
    requantize: bool
    most_bytes: int
    threads: int
    buffer_bytes: int
    """How much of a tensor is held in memory at once."""


class Working(msgspec.Struct, frozen=True, tag="working"):
    """Sent several times a second: bytes of the source so far, and all of them (0: not known yet)."""

    done_bytes: int
    total_bytes: int


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The target is complete."""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """There is no target, or a part of one."""

    error: ErrorReport


FromQuantizer = Working | Finished | Refused
from_quantizer_decoder: msgspec.json.Decoder[FromQuantizer] = msgspec.json.Decoder(FromQuantizer)


def checked_kind(text: str) -> str:
    """The kind that `text` names. Raises INVALID_REQUEST, listing the kinds; UNSUPPORTED for one that needs an importance matrix."""
    kind = text.strip().upper().replace("-", "_")
    if kind in KINDS:
        return kind
    if kind in _NEED_IMPORTANCE:
        raise CrofterError(
            ErrorCode.UNSUPPORTED,
            f"{kind} needs an importance matrix, which Crofter cannot make: the fewest bits without one have IQ3_S, Q3_K_S and Q2_K."
            f" Pull a ready {kind} of the model instead, if somebody has published one.",
            parameter="quantization",
        )
    near = get_close_matches(kind, KINDS, n=1, cutoff=0.6)
    meant = f" Did you mean {near[0]}?" if near else ""
    listed = ", ".join(f"{name} ({known.bits_per_weight:g})" for name, known in KINDS.items())
    raise CrofterError(
        ErrorCode.INVALID_REQUEST,
        f"{text[:40]!r} is no kind of quantisation.{meant} Kinds with about how many bits a weight: {listed}.",
        parameter="quantization",
    )
