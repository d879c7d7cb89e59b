"""The sizes of a model's layers, as llama.cpp allocates them (its `llama-hparams.cpp` and `llama-kv-cache.cpp`)."""

import re
from collections.abc import Iterable

from crofter.core import ModelShape
from crofter.models.gguf.header import Header, Tensor

from .capabilities import ENCODERS

_MAXIMUM_LAYERS = 10_000
_MAXIMUM_HEADS = 65_536
_MAXIMUM_LENGTH = 1 << 24
_KEY_VALUE_ELEMENT_BYTES = 2
_STATE_ELEMENT_BYTES = 4
_LAYER = re.compile(r"blk\.(\d{1,5})\.")
_POOLING_NONE = 0
_TOKEN_EMBEDDINGS = "token_embd.weight"  # noqa: S105 - the name of a tensor


def read_shape(header: Header, architecture: str) -> ModelShape:
    """The shape of a model. Raises MODEL_INVALID if a key has a value that cannot be."""
    layer_count = header.integer(f"{architecture}.block_count", limit=_MAXIMUM_LAYERS)
    # Layers that only predict further ahead come last; they are not loaded.
    loaded_count = max(0, layer_count - _largest(header, f"{architecture}.nextn_predict_layers"))
    embedding_length = header.integer(f"{architecture}.embedding_length", limit=_MAXIMUM_LENGTH)
    heads = max(per_layer(header, f"{architecture}.attention.head_count", (0,) * layer_count), default=0)
    tensors = {tensor.name: tensor for tensor in header.tensors}
    by_layer = [0] * layer_count
    outer: list[Tensor] = []
    for tensor in header.tensors:
        layer = _layer_of(tensor)
        if layer is None or layer >= layer_count:
            outer.append(tensor)
        elif layer < loaded_count:
            by_layer[layer] += tensor.size_bytes
    output = [tensor for tensor in outer if tensor.name.startswith("output")]
    embeddings = tensors.get(_TOKEN_EMBEDDINGS)
    key_length, value_length = _widths(header, architecture)
    return ModelShape(
        embedding_length=embedding_length,
        vocabulary_size=embeddings.shape[-1] if embeddings is not None else 0,
        head_count=heads,
        query_width=heads * key_length,
        value_width=value_length * max(_kv_heads(header, architecture), default=0),
        feed_forward_length=_largest(header, f"{architecture}.feed_forward_length"),
        expert_feed_forward_length=_largest(header, f"{architecture}.expert_feed_forward_length"),
        experts_used=_largest(header, f"{architecture}.expert_used_count"),
        recurrent_width=max((_recurrent_width(tensors, layer) for layer in range(layer_count)), default=0),
        windowed=_largest(header, f"{architecture}.attention.sliding_window") > 0,
        encoder=architecture in ENCODERS,
        embeds=architecture in ENCODERS or header.integer(f"{architecture}.pooling_type", 0) != _POOLING_NONE,
        layer_bytes=tuple(by_layer),
        layer_kv_bytes=layer_kv_bytes(header, architecture),
        layer_state_bytes=tuple(_state_bytes(header, architecture, tensors, layer) for layer in range(layer_count)),
        input_bytes=_size_bytes(outer) - _size_bytes(output),
        output_bytes=_size_bytes(output),
        tied_output="output.weight" not in tensors,
    )


def layer_kv_bytes(header: Header, architecture: str) -> tuple[int, ...]:
    """Keys and values of one token in each layer at 16 bits a number. Raises MODEL_INVALID."""
    kv_heads = _kv_heads(header, architecture)
    if architecture in ENCODERS:
        return (0,) * len(kv_heads)
    key_width, value_width = _widths(header, architecture)
    interval = header.integer(f"{architecture}.full_attention_interval", 1) or 1
    borrowing = _largest(header, f"{architecture}.attention.shared_kv_layers")
    ahead = _largest(header, f"{architecture}.nextn_predict_layers")
    own = len(kv_heads) - max(borrowing, ahead)
    widths = [heads * (key_width + value_width) for heads in kv_heads]
    if f"{architecture}.attention.key_length_swa" in header.metadata:
        widths = _measured_widths(header, widths)
    # Hybrid models that give one head count for all name every how many layers one attends; the others are recurrent.
    return tuple(
        _KEY_VALUE_ELEMENT_BYTES * width if layer % interval == 0 and layer <= own else 0
        for layer, width in enumerate(widths, start=1)
    )


def per_layer(header: Header, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """A figure that is one number for all layers or an array with one for each. Raises MODEL_INVALID."""
    value = header.metadata.get(key)
    layer_count = len(default)
    if value is None:
        return default
    if not isinstance(value, tuple):
        return (header.integer(key, limit=_MAXIMUM_HEADS),) * layer_count
    if len(value) < layer_count or not all(isinstance(each, int) and 0 <= each <= _MAXIMUM_HEADS for each in value):
        raise header.invalid(f"{key} should have a whole number for each of {layer_count} layers")
    return tuple(int(each) for each in value[:layer_count])


def _kv_heads(header: Header, architecture: str) -> tuple[int, ...]:
    layer_count = header.integer(f"{architecture}.block_count", limit=_MAXIMUM_LAYERS)
    heads = per_layer(header, f"{architecture}.attention.head_count", (0,) * layer_count)
    return per_layer(header, f"{architecture}.attention.head_count_kv", heads)


def _widths(header: Header, architecture: str) -> tuple[int, int]:
    """Lengths of one head's key and of its value, as they are kept."""
    embedding_length = header.integer(f"{architecture}.embedding_length", limit=_MAXIMUM_LENGTH)
    layer_count = header.integer(f"{architecture}.block_count", limit=_MAXIMUM_LAYERS)
    heads = max(per_layer(header, f"{architecture}.attention.head_count", (0,) * layer_count), default=0)
    usual = embedding_length // max(1, heads)
    key_length = header.integer(f"{architecture}.attention.key_length", usual, limit=_MAXIMUM_LENGTH)
    if f"{architecture}.attention.key_length_mla" in header.metadata:
        return key_length, 0  # Latent attention: the value is a part of the key.
    return key_length, header.integer(f"{architecture}.attention.value_length", usual, limit=_MAXIMUM_LENGTH)


def _measured_widths(header: Header, widths: list[int]) -> list[int]:
    """With heads of two lengths, only the weights tell which layer has which; layers without any have what the keys say."""
    shapes = {tensor.name: tensor.shape[-1] for tensor in header.tensors}
    keys = [shapes.get(f"blk.{layer}.attn_k.weight") for layer in range(len(widths))]
    values = [shapes.get(f"blk.{layer}.attn_v.weight") for layer in range(len(widths))]
    return [
        width if key is None else key + (key if value is None else value)
        for width, key, value in zip(widths, keys, values, strict=True)
    ]


def _state_bytes(header: Header, architecture: str, tensors: dict[str, Tensor], layer: int) -> int:
    """What a layer keeps of a sequence: the last inputs of its convolution and its state, in 32 bits."""
    convolution = tensors.get(f"blk.{layer}.ssm_conv1d.weight")
    if convolution is not None:
        state_size = header.integer(f"{architecture}.ssm.state_size", 0, limit=_MAXIMUM_LENGTH)
        inner_size = header.integer(f"{architecture}.ssm.inner_size", 0, limit=_MAXIMUM_LENGTH)
        kept = (convolution.shape[0] - 1) * convolution.shape[-1] + state_size * inner_size
        return _STATE_ELEMENT_BYTES * kept
    short = tensors.get(f"blk.{layer}.shortconv.conv.weight")
    if short is not None:
        return _STATE_ELEMENT_BYTES * (short.shape[0] - 1) * short.shape[-1]
    head_size = header.integer(f"{architecture}.wkv.head_size", 0, limit=_MAXIMUM_HEADS)
    if head_size:
        shifts = header.integer(f"{architecture}.token_shift_count", 2, limit=_MAXIMUM_HEADS)
        embedding_length = header.integer(f"{architecture}.embedding_length", limit=_MAXIMUM_LENGTH)
        return _STATE_ELEMENT_BYTES * embedding_length * (shifts + head_size)
    return 0


def _recurrent_width(tensors: dict[str, Tensor], layer: int) -> int:
    """Numbers a recurrent layer holds at once: what it projects to, that after the convolution twice, and its output twice."""
    names = ("ssm_in", "attn_qkv", "attn_gate", "ssm_conv1d", "ssm_out", "shortconv.in_proj", "shortconv.out_proj")
    found = {name: tensors.get(f"blk.{layer}.{name}.weight") for name in names}
    if found["ssm_conv1d"] is None and found["shortconv.in_proj"] is None:
        return 0
    projected = sum(_rows(found[name]) for name in ("ssm_in", "attn_qkv", "attn_gate", "shortconv.in_proj"))
    mixed = 2 * _rows(found["ssm_conv1d"])
    outputs = (found["ssm_out"], found["shortconv.out_proj"])
    return projected + mixed + 2 * sum(tensor.shape[0] for tensor in outputs if tensor is not None)


def _rows(tensor: Tensor | None) -> int:
    return tensor.shape[-1] if tensor is not None else 0


def _layer_of(tensor: Tensor) -> int | None:
    found = _LAYER.match(tensor.name)
    return int(found[1]) if found else None


def _largest(header: Header, key: str) -> int:
    """A number, or the largest of one for each layer; 0 if there is none."""
    value = header.metadata.get(key)
    if isinstance(value, tuple):
        numbers = [each for each in value if isinstance(each, int) and 0 <= each <= _MAXIMUM_LENGTH]
        return max(numbers, default=0)
    return header.integer(key, 0, limit=_MAXIMUM_LENGTH)


def _size_bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.size_bytes for tensor in tensors)
