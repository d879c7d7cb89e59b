"""LoRA adapters cut like the models they belong to: llama.cpp refuses an adapter for layers that a file does not have."""

from pathlib import Path

from crofter.core import CrofterError, ErrorCode
from crofter.models.gguf.header import Header

from .metadata import Edits
from .plan import SlicePlan
from .tensors import SliceTensor
from .write import local_data, write_slice

_EMBEDDINGS = "token_embd.weight"
_HALVES = (".lora_a", ".lora_b")
_DROPPED: Edits = {"general.alignment": None}


def adapter_tensors(adapter: Header, plan: SlicePlan) -> tuple[SliceTensor, ...]:
    """What an adapter of the whole model does to a slice of it; nothing at all if it changes other layers only.

    Raises UNSUPPORTED if it changes the token embeddings, which are looked up beside llama.cpp; MODEL_INVALID if it is no LoRA
    adapter of such a model.
    """
    if (adapter.text("general.type"), adapter.text("adapter.type")) != ("adapter", "lora"):
        raise adapter.invalid("it is not a LoRA adapter")
    if adapter.text("general.architecture") != plan.architecture:
        raise adapter.invalid(f"it was made for another kind of model than {plan.architecture!r}")
    changed = {tensor.source: tensor for tensor in plan.tensors if tensor.source}
    multiplied = {tensor.name: tensor.value for tensor in plan.tensors if tensor.name.endswith(".scale")}
    found: list[SliceTensor] = []
    for tensor in adapter.tensors:
        base, half = tensor.name[:-7], tensor.name[-7:]
        if half not in _HALVES:
            continue  # Norms: llama.cpp leaves them out as well.
        if base == _EMBEDDINGS:
            raise CrofterError(
                ErrorCode.UNSUPPORTED,
                f"The adapter {adapter.path.name} changes the token embeddings, which does not go with a model over several nodes.",
                parameter="lora",
            )
        into = changed.get(base)
        if into is None:
            continue
        is_output = half == ".lora_b"
        found.append(
            SliceTensor(
                name=into.name + half,
                shape=tensor.shape,
                type=tensor.type,
                source=tensor.name,
                pairs=into.pairs if is_output else None,
                factor=multiplied.get(into.name.replace(".weight", ".scale"), 1.0) if is_output else 1.0,
            )
        )
    return tuple(found)


def slice_adapter(adapter: Header, plan: SlicePlan, target: Path) -> bool:
    """Write the part of an adapter that belongs to a slice. False, and no file: it has none. Raises as `adapter_tensors`, `write_slice`."""
    tensors = adapter_tensors(adapter, plan)
    if tensors:
        write_slice(adapter.path, _DROPPED, tensors, local_data(adapter), target)
    return bool(tensors)
