"""GGUF files of real size whose weights are nothing: holes in the file, which take no disk. For what memory is measured with.

Memory depends on shapes and types only; weights of zero compute as long as others and answer nonsense.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
from shapes import add_tokenizer

Dimensions = dict[str, tuple[int, ...]]
Settings = Mapping[str, int | float | list[int]]

_WEIGHTS = gguf.GGMLQuantizationType.Q4_K
_EMBEDDINGS = gguf.GGMLQuantizationType.Q6_K
_UNQUANTISED = gguf.GGMLQuantizationType.F32
_CONTEXT_TOKENS = 131_072
_QUANTISED_COLUMNS = 256


class FitShape(NamedTuple):
    """An architecture with its sizes."""

    architecture: str
    vocabulary: int
    settings: Settings
    """Without the architecture's name in front."""
    tensors: Dimensions
    pooling_type: int | None = None


def write_shape(path: Path, shape: FitShape) -> Path:
    """Write the GGUF of a shape, its weights a hole in the file, and return `path`."""
    writer = gguf.GGUFWriter(path, shape.architecture)
    writer.add_name(path.stem)
    writer.add_license("Apache-2.0")
    writer.add_context_length(_CONTEXT_TOKENS)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    for key, value in shape.settings.items():
        name = f"{shape.architecture}.{key}"
        if isinstance(value, list):
            writer.add_array(name, value)
        elif isinstance(value, float):
            writer.add_float32(name, value)
        else:
            writer.add_uint32(name, value)
    if shape.pooling_type is not None:
        writer.add_pooling_type(gguf.PoolingType(shape.pooling_type))
    add_tokenizer(writer, shape.vocabulary)
    total_bytes = 0
    for name, dimensions in shape.tensors.items():
        kind = _kind(name, dimensions)
        stored = gguf.quant_shape_to_byte_shape(dimensions, kind) if kind is not _UNQUANTISED else dimensions
        size_bytes = int(np.prod(stored)) * (4 if kind is _UNQUANTISED else 1)
        dtype = np.dtype(np.float32 if kind is _UNQUANTISED else np.uint8)
        writer.add_tensor_info(name, stored, dtype, size_bytes, raw_dtype=kind)
        total_bytes += -(-size_bytes // writer.data_alignment) * writer.data_alignment
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    start = -(-path.stat().st_size // gguf.GGUF_DEFAULT_ALIGNMENT) * gguf.GGUF_DEFAULT_ALIGNMENT
    with path.open("r+b") as file:
        file.truncate(start + total_bytes)
    return path


def _kind(name: str, dimensions: tuple[int, ...]) -> gguf.GGMLQuantizationType:
    if (
        len(dimensions) == 1
        or dimensions[-1] % _QUANTISED_COLUMNS
        or "norm" in name
        or name.endswith(("bias", "ssm_conv1d.weight"))
    ):
        return _UNQUANTISED
    return _EMBEDDINGS if name in {"token_embd.weight", "output.weight"} else _WEIGHTS
