"""What a slice's metadata says otherwise than its model's."""

import math
import re
from collections.abc import Mapping

import msgspec

from crofter.models.gguf.header import Array
from crofter.models.gguf.parts import SPLIT_KEYS
from crofter.models.gguf.tables import BOOLEAN, FLOAT32, INT32, STRING, UINT32
from crofter.models.gguf.writing import Scalar

from .layers import Layers, indexer_types

STAGE_VOCABULARY = 32
"""Tokens of a file that never sees one: llama.cpp wants some."""

_WHOLE_ARRAYS = (".rope.dimension_sections", ".ple.", ".adapters", ".target_layers", ".classifier")
"""Arrays that are not one entry for each layer, whatever their length."""
_COUNTED_FROM_THE_FIRST = ("leading_dense_block_count", "hash_layer_count")
_PRECISE_TENSORS, _PRECISIONS = "general.tensor_extra.name", "general.tensor_extra.prec_a4"
_BLOCK = re.compile(r"blk\.(\d+)\.(.+)", re.DOTALL)
_SIGMOID, _SOFTMAX = 2, 1
_GLM_4_7_LITE_VOCABULARY = 154_880
_KANANA_2 = (48, 128_256)
"""Layers and tokens of a model that has a lite one's queries."""


class Put(msgspec.Struct, frozen=True):
    """Another value, of a type of `gguf.tables`; a tuple is an array."""

    value_type: int
    value: Scalar | tuple[Scalar, ...]


class Part(msgspec.Struct, frozen=True):
    """Of the array that is there, the entries `[start, stop)`."""

    start: int
    stop: int


Edits = Mapping[str, Put | Part | None]
"""By key; None: the key is left out."""


def edits(layers: Layers, start: int, run: tuple[int, int], *, is_ends: bool) -> dict[str, Put | Part | None]:
    """For a file of the layers `run` of which those before `start` are of zeros."""
    first, end = run
    found = _general(layers, is_ends=is_ends)
    found |= _arrays(layers, first, end)
    found |= _counts(layers, first, end)
    found |= _patterns(layers, first, end)
    found |= _scales(layers, start)
    found |= _guessed(layers)
    found |= _precisions(layers, first, end)
    return found


def _general(layers: Layers, *, is_ends: bool) -> dict[str, Put | Part | None]:
    dropped = (SPLIT_KEYS, "general.alignment")
    if not is_ends:
        dropped += ("tokenizer.",)
    found: dict[str, Put | Part | None] = {key: None for key in layers.header.metadata if key.startswith(dropped)}
    if not is_ends:
        found["tokenizer.ggml.model"] = Put(STRING, "no_vocab")
        found[layers.key("vocab_size")] = Put(UINT32, STAGE_VOCABULARY)
    return found


def _arrays(layers: Layers, first: int, end: int) -> dict[str, Put | Part | None]:
    found: dict[str, Put | Part | None] = {}
    for key, value in layers.header.metadata.items():
        if not isinstance(value, tuple | Array) or not key.startswith((f"{layers.architecture}.", "xielu.")):
            continue
        length = layers.header.array_length(key)
        if length in {layers.count, layers.stored_count} and not any(name in key for name in _WHOLE_ARRAYS):
            found[key] = Part(first, end)
    heads = layers.header.metadata.get(layers.key("attention.head_count"))
    if isinstance(heads, tuple):
        # From those of the first layer llama.cpp concludes how long the heads of all are.
        if heads[0]:
            for name in ("attention.key_length", "attention.value_length"):
                found[layers.key(name)] = Put(UINT32, layers.head_length(name))
        if layers.recurrent and 0 in heads:
            kept = tuple(int(each) or int(max(heads)) for each in heads[first:end])
            found[layers.key("attention.head_count")] = Put(INT32, kept)
    return found


def _counts(layers: Layers, first: int, end: int) -> dict[str, Put | Part | None]:
    found: dict[str, Put | Part | None] = {layers.key("block_count"): Put(UINT32, end - first)}
    for name, value in (("nextn_predict_layers", 0), ("n_deepstack_layers", 0)):
        if layers.key(name) in layers.header.metadata:
            found[layers.key(name)] = Put(UINT32, value)
    for name in _COUNTED_FROM_THE_FIRST:
        if layers.key(name) in layers.header.metadata:
            left = layers.integer(name) - first
            found[layers.key(name)] = Put(UINT32, min(max(left, 0), end - first))
    borrowing = layers.integer("attention.shared_kv_layers")
    if borrowing:
        found[layers.key("attention.shared_kv_layers")] = Put(UINT32, borrowing if end == layers.count else 0)
    if layers.key("deepstack_mapping") in layers.header.metadata:
        found[layers.key("deepstack_mapping")] = None
    return found


def _patterns(layers: Layers, first: int, end: int) -> dict[str, Put | Part | None]:
    found: dict[str, Put | Part | None] = {}
    if layers.windowed:
        found[layers.key("attention.sliding_window_pattern")] = Put(BOOLEAN, layers.windowed[first:end])
    if layers.rules.recurrent == "interval":
        found[layers.key("full_attention_interval")] = None
        found[layers.key("attention.recurrent_layers")] = Put(BOOLEAN, layers.recurrent[first:end])
    if layers.rules.indexer:
        found[layers.key("attention.indexer.types")] = Put(INT32, tuple(map(int, indexer_types(layers)[first:end])))
    return found


def _scales(layers: Layers, start: int) -> dict[str, Put | Part | None]:
    found: dict[str, Put | Part | None] = {}
    if layers.rules.embedding_scale and start > 0:
        found[layers.key("embedding_scale")] = Put(FLOAT32, 0.0)
    if layers.architecture == "minicpm" and layers.key("residual_scale") not in layers.header.metadata:
        found[layers.key("residual_scale")] = Put(FLOAT32, 1.4 / math.sqrt(layers.count))
    return found


def _guessed(layers: Layers) -> dict[str, Put | Part | None]:
    """Keys for what llama.cpp would guess from the number of layers or of tokens, or refuses without."""
    found: dict[str, Put | Part | None] = {}
    if layers.architecture == "deepseek2":
        tokens = layers.integer("vocab_size") or layers.header.array_length("tokenizer.ggml.tokens")
        if layers.count in layers.rules.loaded_counts or (layers.count, tokens) == _KANANA_2:
            found[layers.key("attention.q_lora_rank")] = Put(UINT32, 0)
        if not layers.integer("expert_gating_func"):
            is_lite_glm = layers.count in {47, 48} and tokens == _GLM_4_7_LITE_VOCABULARY
            found[layers.key("expert_gating_func")] = Put(UINT32, _SIGMOID if is_lite_glm else _SOFTMAX)
    if becomes_multimodal(layers):
        sections = (rotary_width(layers) // 2 - 1, 1, 0, 0)
        found[layers.key("rope.dimension_sections")] = Put(INT32, sections)
    return found


def _precisions(layers: Layers, first: int, end: int) -> dict[str, Put | Part | None]:
    """A list of tensors by name, and beside it what each of them needs."""
    values = layers.header.numbers(_PRECISIONS)
    names = [name.decode(errors="replace") for name in layers.header.strings(_PRECISE_TENSORS)]
    if not names:
        return {}
    renamed = [(renamed_tensor(name, first, end), bool(value)) for name, value in zip(names, values, strict=False)]
    kept = [(name, value) for name, value in renamed if name]
    return {
        _PRECISE_TENSORS: Put(STRING, tuple(name for name, _ in kept)),
        _PRECISIONS: Put(BOOLEAN, tuple(value for _, value in kept)),
    }


def renamed_tensor(name: str, first: int, end: int) -> str:
    """What a tensor is called in a file that begins with layer `first`; "" if its layer is not in it."""
    block = _BLOCK.fullmatch(name)
    if block is None:
        return name
    layer = int(block[1])
    return f"blk.{layer - first}.{block[2]}" if first <= layer < end else ""


def becomes_multimodal(layers: Layers) -> bool:
    """Whether llama.cpp takes hidden rows for such a model's layers only if it has positions of several sections."""
    sections = layers.header.numbers(layers.key("rope.dimension_sections"))
    return layers.architecture in {"glm4", "glm4moe"} and not (sections and all(sections[:2]))


def rotary_width(layers: Layers) -> int:
    """How many numbers of each head are rotated by position."""
    return layers.integer("rope.dimension_count", layers.head_length("attention.key_length"))
