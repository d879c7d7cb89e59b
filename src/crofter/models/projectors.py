"""Which vision part (mmproj) belongs to which model, told by the names of files. Pure."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import TypeVar

from .hub.variants import quantization_of, split_name

_PROJECTOR = "mmproj"
_PROJECTOR_ORDER = ("F16", "BF16", "Q8_0", "F32")
"""Sixteen bits lose nothing that can be seen, and 32 take twice the memory."""

P = TypeVar("P", bound=PurePath)


def is_projector(path: PurePath) -> bool:
    """Whether a file is called as vision parts are."""
    return _PROJECTOR in path.name.lower()


def base_and_label(path: PurePath) -> tuple[str, str]:
    """The name without its quantisation, and that."""
    stem = split_name(path.name)[0]
    label = quantization_of(path.name)
    if label and stem.upper().endswith(label):
        return stem[: -len(label)].rstrip("-._ "), label
    return stem, ""


def projector_of(model: PurePath, models: Iterable[PurePath], projectors: Sequence[P]) -> P | None:
    """The one named after the model; one named after nothing only where there is a single model, in whatever quantisations."""
    base = base_and_label(model)[0].casefold()
    named = [each for each in projectors if (own := _base(each)) and (base.startswith(own) or own.startswith(base))]
    is_alone = len({base_and_label(each)[0].casefold() for each in models}) == 1
    suitable = named or ([each for each in projectors if _base(each) in {"", "model"}] if is_alone else [])
    ranks = {label: rank for rank, label in enumerate(_PROJECTOR_ORDER)}
    return min(suitable, key=lambda each: (ranks.get(quantization_of(each.name), len(ranks)), each.name), default=None)


def _base(projector: PurePath) -> str:
    return base_and_label(projector)[0].casefold().replace(_PROJECTOR, "").strip("-._ ")
