"""Headers of models that are in no file, so that a test can say in a line what kind of model it is about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crofter.models import Header, Tensor
from crofter.models.gguf.header import Value
from crofter.models.gguf.tables import TENSOR_TYPES
from crofter.models.slices.layers import Layers, read_layers

F32, F16, Q4_K = TENSOR_TYPES[0], TENSOR_TYPES[1], TENSOR_TYPES[12]


def tensor(name: str, *shape: int, type_number: int = 1) -> Tensor:
    return Tensor(name, shape, TENSOR_TYPES[type_number], 0, 0)


def header(
    architecture: str,
    layers: int = 8,
    tensors: tuple[Tensor, ...] = (),
    general: Mapping[str, Value] | None = None,
    **own: Any,  # noqa: ANN401 - any of the values of metadata
) -> Header:
    """`own`: keys of the architecture, with `__` for a dot."""
    metadata: dict[str, Value] = {
        "general.architecture": architecture,
        f"{architecture}.block_count": layers,
        f"{architecture}.embedding_length": 64,
        f"{architecture}.attention.head_count": 4,
    }
    metadata |= {f"{architecture}.{key.replace('__', '.')}": value for key, value in own.items()}
    metadata |= general or {}
    return Header(Path("model.gguf"), 0, 3, metadata, tensors, (Path("model.gguf"),))


def layers_of(architecture: str, layers: int = 8, **own: Any) -> Layers:  # noqa: ANN401
    return read_layers(header(architecture, layers, **own))
