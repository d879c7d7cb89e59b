"""Writes a tiny model: its metadata alone, for llama.cpp to say which tensors belong to it, and then the whole file."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from crofter.models.gguf.tables import BOOLEAN, FLOAT32, STRING, TYPE_NUMBERS, UINT32
from crofter.models.gguf.writing import file_start, metadata_entry, padded, tensor_entry

from .catalogue import Encoding, Family, Key

TensorShape = tuple[str, tuple[int, ...]]
"""A tensor's name and its shape, the length of a row first."""
_EXTRA_BLOCKS = "nextn_predict_layers"
_BLOCK = 32
_SEED = 6

_NEVER = (".scale", ".input_scale", "cls.output.weight", "cls.weight", "cls.bias", "dense_2.weight", "dense_3.weight")
"""Beside the weights of some quantisations and in models that embed or rank."""
_REQUIRED_SCALE = "ffn_gate_inp.scale"
_ALWAYS_F32 = (
    "norm",
    "conv",
    "ssm_a",
    "ssm_d",
    "bias",
    "position_embd",
    "sinks",
    "rope_",
    "gate_inp",
)
_NEAR_ONE = ("norm", "rope_", "scale")


def write_family_metadata(family: Family, path: Path) -> None:
    """A GGUF without tensors, and without blocks for predicting more tokens: llama.cpp does not say what those hold. Raises OSError."""
    extra = family.number(_EXTRA_BLOCKS)
    keys = dict(family.keys)
    if extra:
        del keys[f"{family.architecture}.{_EXTRA_BLOCKS}"]
        keys[f"{family.architecture}.block_count"] = family.number("block_count") - extra
    path.write_bytes(_head(keys, 0))


def write_family_model(family: Family, tensors: Sequence[TensorShape], path: Path) -> None:
    """The whole model with seeded random weights. Raises OSError."""
    kept = [tensor for each in tensors for tensor in _separate(each) if _belongs(tensor[0], family)]
    if family.number(_EXTRA_BLOCKS):
        kept += _extra_block(kept, family)
    descriptions: list[bytes] = []
    contents: list[bytes] = []
    offset = 0
    for name, shape in kept:
        used = _encoding(name, shape, family.encoding)
        content = _encode(_values(name, shape), used)
        descriptions.append(tensor_entry(name, shape, TYPE_NUMBERS[used], offset))
        contents.append(content.ljust(padded(len(content)), b"\0"))
        offset += len(contents[-1])
    head = b"".join([_head(family.keys, len(kept)), *descriptions])
    path.write_bytes(b"".join([head.ljust(padded(len(head)), b"\0"), *contents]))


def _belongs(name: str, family: Family) -> bool:
    if name.endswith(_REQUIRED_SCALE):
        return True
    return not name.endswith(_NEVER) and not f".{name}".endswith(tuple(f".{end}" for end in family.without))


def _separate(tensor: TensorShape) -> list[TensorShape]:
    """llama.cpp asks for an expert's two input matrices as one first; models have them apart."""
    name, shape = tensor
    if "ffn_gate_up_exps" not in name:
        return [tensor]
    half = (shape[0], shape[1] // 2, *shape[2:])
    return [(name.replace("gate_up", "gate"), half), (name.replace("gate_up", "up"), half)]


def _extra_block(tensors: Sequence[TensorShape], family: Family) -> list[TensorShape]:
    """The block that predicts one token more: like the last, and what joins it to the others."""
    number, width = family.number("block_count") - 1, family.number("embedding_length")
    like, own = f"blk.{number - 1}.", f"blk.{number}."
    block = [(own + name.removeprefix(like), shape) for name, shape in tensors if name.startswith(like)]
    joints = [(f"{own}nextn.{name}.weight", (width,)) for name in ("enorm", "hnorm", "shared_head_norm")]
    return [*block, *joints, (f"{own}nextn.eh_proj.weight", (2 * width, width))]


def _encoding(name: str, shape: tuple[int, ...], encoding: Encoding) -> Encoding:
    if math.prod(shape) == shape[0] or any(part in name for part in _ALWAYS_F32) or shape[0] % _BLOCK:
        return "F32"
    return encoding


def _values(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Norms near one, weights that keep the size of what passes, small biases; states decay. Shape reversed, as numpy counts."""
    random = np.random.default_rng([_SEED, *name.encode()])
    values = random.standard_normal(shape[::-1], dtype=np.float32)
    if "ssm_a" in name:
        return -np.abs(values) - np.float32(0.1)
    if name.endswith("ssm_d") or any(part in name for part in _NEAR_ONE):
        return 1 + np.float32(0.1) * values
    if name.endswith("bias") or math.prod(shape) == shape[0]:
        return np.float32(0.1) * values
    return values / np.float32(math.sqrt(shape[0]))


def _encode(values: npt.NDArray[np.float32], encoding: Encoding) -> bytes:
    if encoding == "F32":
        return values.tobytes()
    if encoding == "F16":
        return values.astype(np.float16).tobytes()
    blocks = values.reshape(-1, _BLOCK)
    scales = (np.abs(blocks).max(1, keepdims=True) / 127).astype(np.float16)
    steps = np.rint(blocks / np.maximum(scales.astype(np.float32), 1e-8))
    return b"".join(
        scale.tobytes() + row.tobytes() for scale, row in zip(scales, np.asarray(steps, np.int8), strict=True)
    )


def _head(keys: dict[str, Key], tensor_count: int) -> bytes:
    entries = [metadata_entry(key, _value_type(value), value) for key, value in keys.items()]
    return file_start(tensor_count, len(entries)) + b"".join(entries)


def _value_type(value: Key) -> int:
    if isinstance(value, list):
        return _value_type(value[0])
    if isinstance(value, str):
        return STRING
    if isinstance(value, bool):
        return BOOLEAN
    return FLOAT32 if isinstance(value, float) else UINT32
