"""What becomes of each tensor of a model in a slice of it."""

import math
import re
from collections.abc import Iterator

import msgspec

from crofter.models.gguf.header import Tensor
from crofter.models.gguf.tables import TENSOR_TYPES, TYPE_NUMBERS, TensorType

from .layers import Layers
from .metadata import STAGE_VOCABULARY, becomes_multimodal, rotary_width

_BLOCK = re.compile(r"blk\.(\d+)\.(.+)", re.DOTALL)
_VOCABULARY = frozenset({"token_embd.weight", "output.weight", "output.bias"})
_POSITIONS = "position_embd.weight"
_ONES = {
    "": ("layer_output_scale.weight",),  # A layer's whole output is multiplied by it.
    "mpt": ("ffn.act.scales",),  # llama.cpp divides by them.
    "qwen2moe": ("ffn_norm.weight", "ffn_gate_inp_shexp.weight"),  # llama.cpp divides by the product.
}
"""Tensors of a layer that changes nothing which can't be zeros, by architecture."""
_F32 = TENSOR_TYPES[0]


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """How rows are put into another order: in each head, those that are rotated as neighbours come to lie half of `rotated` apart."""

    head_rows: int
    rotated: int


class SliceTensor(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor of a slice: the bytes of one of the model's, changed if anything is said, or the same number everywhere."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    source: str = ""
    """Empty: every number is `value`; other than 0 for F32 only."""
    value: float = 0.0
    factor: float = 1.0
    """Other than 1 for F32 and F16 only."""
    pairs: Pairs | None = None

    @property
    def type_number(self) -> int:
        """As ggml numbers types."""
        return TYPE_NUMBERS[self.type.name]

    @property
    def size_bytes(self) -> int:
        """Of its data, unpadded."""
        return math.prod(self.shape) // self.type.block_elements * self.type.block_bytes


def slice_tensors(
    layers: Layers, kept: tuple[int, int], run: tuple[int, int], *, is_ends: bool
) -> tuple[SliceTensor, ...]:
    """Those of a file of the layers `run`, of which only `kept` are more than zeros."""
    return tuple(_tensors(layers, kept, run, is_ends=is_ends))


def _tensors(layers: Layers, kept: tuple[int, int], run: tuple[int, int], *, is_ends: bool) -> Iterator[SliceTensor]:
    extra = _query_factor(layers)
    for tensor in layers.header.tensors:
        block = _BLOCK.fullmatch(tensor.name)
        if block is None:
            outer = _outer(layers, tensor, kept[0], run, is_ends=is_ends)
            if outer is not None:
                yield outer
            continue
        layer, part = int(block[1]), block[2]
        if not run[0] <= layer < run[1]:
            continue
        name = f"blk.{layer - run[0]}.{part}"
        if not kept[0] <= layer < kept[1]:
            value = 1.0 if part in _ONES.get(layers.architecture, _ONES[""]) else 0.0
            yield SliceTensor(name=name, shape=tensor.shape, type=tensor.type, value=value)
            continue
        yield SliceTensor(
            name=name,
            shape=tensor.shape,
            type=tensor.type,
            source=tensor.name,
            factor=extra if part == "attn_q_norm.weight" and layers.architecture == "gemma3" else 1.0,
            pairs=_pairs(layers, part),
        )
        if part == "attn_q.weight" and layers.architecture == "gemma2" and extra != 1:
            yield SliceTensor(name=f"blk.{layer - run[0]}.attn_q.scale", shape=(1,), type=_F32, value=extra)


def _outer(layers: Layers, tensor: Tensor, start: int, run: tuple[int, int], *, is_ends: bool) -> SliceTensor | None:
    """A tensor outside the layers; None: the file has no use for it, which llama.cpp refuses."""
    if tensor.name == "rope_freqs.weight" and layers.architecture == "gemma4" and all(layers.windowed[slice(*run)]):
        return None
    if tensor.name in _VOCABULARY and not is_ends:
        shape = (*tensor.shape[:-1], STAGE_VOCABULARY)
        return SliceTensor(name=tensor.name, shape=shape, type=tensor.type)
    if tensor.name == _POSITIONS and start > 0:
        return SliceTensor(name=tensor.name, shape=tensor.shape, type=tensor.type)
    return SliceTensor(name=tensor.name, shape=tensor.shape, type=tensor.type, source=tensor.name)


def _query_factor(layers: Layers) -> float:
    """gemma2 and gemma3 with 27 billion parameters scale queries otherwise, and are recognised by their number of layers."""
    if layers.architecture not in {"gemma2", "gemma3"} or layers.count not in layers.rules.loaded_counts:
        return 1.0
    share = layers.integer("embedding_length") // layers.integer("attention.head_count", 1)
    return math.sqrt(layers.head_length("attention.key_length") / share)


def _pairs(layers: Layers, part: str) -> Pairs | None:
    """glm4 rotates neighbours, and pairs half a head apart once its positions have sections."""
    if layers.architecture != "glm4" or not becomes_multimodal(layers):
        return None
    if part not in {"attn_q.weight", "attn_q.bias", "attn_k.weight", "attn_k.bias"}:
        return None
    return Pairs(head_rows=layers.head_length("attention.key_length"), rotated=rotary_width(layers))
