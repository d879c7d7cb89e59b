"""Makes layers of zeros cheap where only they are in a file: the head's, which computes them for every token.

Which length stands in which dimension is checked against the model's own tensors; where they say otherwise, they stay as they are.
"""

from typing import Literal, NamedTuple

import msgspec

from crofter.models.gguf.tables import INT32, TENSOR_TYPES, UINT32

from .layers import Layers
from .metadata import Edits, Part, Put
from .tensors import SliceTensor

_SMALL = 32
"""The shortest row that every kind of multiplication takes, and one block of most types."""

Length = Literal["feed", "expert", "shared", "query", "key", "value", "result", "fused", "heads", "head"]

_LENGTHS: dict[str, tuple[int, Length]] = {
    "ffn_gate.weight": (1, "feed"),
    "ffn_up.weight": (1, "feed"),
    "ffn_down.weight": (0, "feed"),
    "ffn_gate.bias": (0, "feed"),
    "ffn_up.bias": (0, "feed"),
    "ffn_gate_exps.weight": (1, "expert"),
    "ffn_up_exps.weight": (1, "expert"),
    "ffn_gate_up_exps.weight": (1, "expert"),
    "ffn_down_exps.weight": (0, "expert"),
    "ffn_gate_exps.bias": (0, "expert"),
    "ffn_up_exps.bias": (0, "expert"),
    "ffn_gate_up_exps.bias": (0, "expert"),
    "ffn_gate_shexp.weight": (1, "shared"),
    "ffn_up_shexp.weight": (1, "shared"),
    "ffn_down_shexp.weight": (0, "shared"),
    "attn_q.weight": (1, "query"),
    "attn_q.bias": (0, "query"),
    "attn_k.weight": (1, "key"),
    "attn_k.bias": (0, "key"),
    "attn_v.weight": (1, "value"),
    "attn_v.bias": (0, "value"),
    "attn_output.weight": (0, "result"),
    "attn_qkv.weight": (1, "fused"),
    "attn_qkv.bias": (0, "fused"),
    "attn_sinks.weight": (0, "heads"),
    "attn_q_norm.weight": (0, "head"),
    "attn_k_norm.weight": (0, "head"),
}
"""Which of a layer's lengths a dimension of a tensor is."""

_UNTOUCHED = frozenset(
    {
        "attn_norm.weight",
        "attn_norm.bias",
        "attn_output.bias",
        "attn_post_norm.weight",
        "ffn_norm.weight",
        "ffn_norm.bias",
        "ffn_post_norm.weight",
        "ffn_down.bias",
        "ffn_down_exps.bias",
        "ffn_gate_inp.weight",
        "ffn_gate_inp.bias",
        "ffn_gate_inp_shexp.weight",
    }
)
"""Tensors of attention and feed-forward parts without any of these lengths."""

_FREE_HEADS = frozenset(
    {
        "apertus",
        "arcee",
        "dots1",
        "ernie4_5",
        "gemma",
        "gemma2",
        "gemma3",
        "glm4moe",
        "gpt-oss",
        "granite",
        "granitemoe",
        "hunyuan-moe",
        "llama",
        "minicpm",
        "mistral3",
        "qwen3",
        "qwen3moe",
        "qwen3vl",
        "qwen3vlmoe",
        "seed_oss",
        "smollm3",
    }
)
"""Where llama.cpp does not expect the heads together to be as wide as the model."""


class _Change(NamedTuple):
    old: int
    new: int


class _Lengths(msgspec.Struct):
    """What a layer's lengths are and become, and the keys that say so."""

    changes: dict[Length, _Change] = {}
    keys: dict[str, int] = {}


def shrink(
    layers: Layers, run: tuple[int, int], metadata: Edits, tensors: tuple[SliceTensor, ...]
) -> tuple[Edits, tuple[SliceTensor, ...]]:
    """The same file of layers of zeros with as short feed-forward parts, and as few heads, as llama.cpp takes."""
    ghosts = [tensor for tensor in tensors if tensor.name.startswith("blk.")]
    changes: dict[Length, _Change] = {}
    keys: dict[str, int] = {}
    for found in (_feed_forward(layers, run), _attention(layers, run)):
        if found is not None and _explains(found.changes, ghosts):
            changes |= found.changes
            keys |= found.keys
    edits = dict(metadata) | {layers.key(name): _shorter(metadata, layers.key(name), keys[name], run) for name in keys}
    return edits, tuple(_shortened(tensor, changes) for tensor in tensors)


def _feed_forward(layers: Layers, run: tuple[int, int]) -> _Lengths | None:
    feed = _same(layers, "feed_forward_length", run)
    expert = _same(layers, "expert_feed_forward_length", run)
    shared = _same(layers, "expert_shared_feed_forward_length", run)
    if feed is None or expert is None or shared is None:
        return None
    lengths = _Lengths()
    for name, old in (
        ("feed_forward_length", feed),
        ("expert_feed_forward_length", expert),
        ("expert_shared_feed_forward_length", shared),
    ):
        if old:
            lengths.keys[name] = _SMALL
    if feed:
        lengths.changes["feed"] = _Change(feed, _SMALL)
    if expert or feed:
        lengths.changes["expert"] = _Change(expert or feed, _SMALL)
    count = layers.integer("expert_shared_count")
    if shared:
        lengths.changes["shared"] = _Change(shared, _SMALL)
    elif expert and count:
        lengths.changes["shared"] = _Change(expert * count, _SMALL * count)
    return lengths


def _attention(layers: Layers, run: tuple[int, int]) -> _Lengths | None:
    heads = _same(layers, "attention.head_count", run)
    if layers.architecture not in _FREE_HEADS or not heads:
        return None
    key_heads = _same(layers, "attention.head_count_kv", run) or heads
    key, value = layers.head_length("attention.key_length"), layers.head_length("attention.value_length")
    return _Lengths(
        changes={
            "query": _Change(heads * key, key),
            "key": _Change(key_heads * key, key),
            "value": _Change(key_heads * value, value),
            "result": _Change(heads * value, value),
            "fused": _Change((heads + key_heads) * key + key_heads * value, 2 * key + value),
            "heads": _Change(heads, 1),
            "head": _Change(key, key),
        },
        keys={
            "attention.head_count": 1,
            "attention.head_count_kv": 1,
            "attention.key_length": key,
            "attention.value_length": value,
        },
    )


def _same(layers: Layers, name: str, run: tuple[int, int]) -> int | None:
    """The number that a key has for all layers of a run; None if they differ, 0 if there is none."""
    listed = layers.header.numbers(layers.key(name))
    if not listed:
        return layers.integer(name)
    values = {int(value) for value in listed[slice(*run)]}
    return values.pop() if len(values) == 1 else None


def _explains(changes: dict[Length, _Change], ghosts: list[SliceTensor]) -> bool:
    """Whether the layers' tensors have the lengths that are to be changed, and no other tensors depend on them."""
    prefix = "attn" if "query" in changes else "ffn"
    for tensor in ghosts:
        part = tensor.name.split(".", 2)[2]
        if not part.startswith(prefix) or part in _UNTOUCHED:
            continue
        axis, length = _LENGTHS.get(part, (0, None))
        change = changes.get(length) if length else None
        if change is None or tensor.shape[axis] not in {change.old, 2 * change.old if prefix == "ffn" else change.old}:
            return False
    return True


def _shortened(tensor: SliceTensor, changes: dict[Length, _Change]) -> SliceTensor:
    if not tensor.name.startswith("blk."):
        return tensor
    axis, length = _LENGTHS.get(tensor.name.split(".", 2)[2], (0, None))
    change = changes.get(length) if length else None
    if change is None or change.old == change.new:
        return tensor
    shape = tuple(
        size // change.old * change.new if dimension == axis and size % change.old == 0 else size
        for dimension, size in enumerate(tensor.shape)
    )
    fits = shape[0] % tensor.type.block_elements == 0
    return msgspec.structs.replace(tensor, shape=shape, type=tensor.type if fits else TENSOR_TYPES[0])


def _shorter(metadata: Edits, key: str, value: int, run: tuple[int, int]) -> Put:
    """Once for each layer where the key was an array, else once."""
    edit = metadata.get(key)
    if isinstance(edit, Part) or (isinstance(edit, Put) and isinstance(edit.value, tuple)):
        return Put(INT32, (value,) * (run[1] - run[0]))
    return Put(UINT32, value)
