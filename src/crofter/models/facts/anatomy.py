"""A model in parts: what each layer and everything outside the layers takes, and what its header says that only people ask for."""

import math
import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from crofter.models.gguf.header import Header, Tensor
from crofter.models.storage.manifest import group_name, tensor_place

_LAYER = re.compile(r"(?:.+\.)?blk\.\d+", re.DOTALL)
_EXPERTS = re.compile(r"_exps\b")
_ELEMENT_LIMIT = 1 << 40


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The tensors of one layer, or of one thing outside the layers."""

    name: str
    """`blk.7`, `token_embd`, `output`."""
    is_layer: bool
    size_bytes: int
    parameter_count: int
    bytes_by_type: dict[str, int]
    """Quantisation type to bytes, the largest first."""


class Anatomy(msgspec.Struct, frozen=True, kw_only=True):
    """What `read_facts` leaves out because nothing but people needs it."""

    parts: tuple[Part, ...]
    """As llama.cpp walks through them: the embedding, the layers, the rest."""
    bytes_by_type: dict[str, int]
    active_parameter_count: int
    """Those that work on one token: all, but of the experts only as many as are asked."""
    expert_count: int
    """0: it has none."""
    experts_used: int
    """For one token."""
    sliding_window_tokens: int
    """How far back some of its layers look; 0: all look at everything."""
    rope_scaling: str
    """How positions beyond those it was first trained on are reached, in words; empty: not at all."""


def anatomy(header: Header) -> Anatomy:
    """Take a model apart. What its header does not say, or says in an unknown form, is 0 or empty."""
    architecture = header.text("general.architecture")
    experts = _whole(header, f"{architecture}.expert_count")
    used = _whole(header, f"{architecture}.expert_used_count")
    share = used / experts if 0 < used <= experts else 1.0
    tensors: dict[str, list[Tensor]] = {}
    for tensor in sorted(header.tensors, key=lambda each: tensor_place(each.name)):
        tensors.setdefault(group_name(tensor.name), []).append(tensor)
    return Anatomy(
        parts=tuple(_part(name, members) for name, members in tensors.items()),
        bytes_by_type=_bytes_by_type(header.tensors),
        active_parameter_count=round(
            sum(_elements(tensor) * (share if _EXPERTS.search(tensor.name) else 1) for tensor in header.tensors)
        ),
        expert_count=experts,
        experts_used=used,
        sliding_window_tokens=_whole(header, f"{architecture}.attention.sliding_window"),
        rope_scaling=_rope_scaling(header, architecture),
    )


def _part(name: str, tensors: list[Tensor]) -> Part:
    return Part(
        name=name,
        is_layer=_LAYER.fullmatch(name) is not None,
        size_bytes=sum(tensor.size_bytes for tensor in tensors),
        parameter_count=sum(map(_elements, tensors)),
        bytes_by_type=_bytes_by_type(tensors),
    )


def _bytes_by_type(tensors: Iterable[Tensor]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for tensor in tensors:
        found[tensor.type.name] += tensor.size_bytes
    return dict(found.most_common())


def _elements(tensor: Tensor) -> int:
    return math.prod(tensor.shape)


def _rope_scaling(header: Header, architecture: str) -> str:
    kind = header.metadata.get(f"{architecture}.rope.scaling.type")
    if not isinstance(kind, str) or kind == "none":
        return ""
    factor = header.metadata.get(f"{architecture}.rope.scaling.factor")
    first = _whole(header, f"{architecture}.rope.scaling.original_context_length")
    words = "".join(character for character in kind if character.isalnum())[:20]
    if isinstance(factor, float) and math.isfinite(factor):
        words += f" times {factor:g}"
    return f"{words} from {first:,} tokens" if first else words


def _whole(header: Header, key: str) -> int:
    value = header.metadata.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _ELEMENT_LIMIT else 0
