"""Whether a model fits into memory. Pure: figures in, figures out."""

import msgspec

from crofter.core import ModelFile

_OVERHEAD_BYTES = 200 << 20
"""What a worker takes beside weights and KV: the library, compute buffers, Python."""


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What a model needs for a context, and the longest context there is room for."""

    weights_bytes: int
    kv_bytes: int
    overhead_bytes: int
    fits: bool
    largest_context: int
    """Tokens; 0 if not even the weights fit."""


def fit(model: ModelFile, available_bytes: int, wanted_context: int) -> Fit:
    """What `model` needs to hold `wanted_context` tokens, or as many as it was trained for if that is less."""
    kv_bytes = model.kv_bytes_per_token * min(wanted_context, model.context_length)
    left_bytes = available_bytes - model.size_bytes - _OVERHEAD_BYTES
    affordable = left_bytes // model.kv_bytes_per_token if model.kv_bytes_per_token else model.context_length
    return Fit(
        weights_bytes=model.size_bytes,
        kv_bytes=kv_bytes,
        overhead_bytes=_OVERHEAD_BYTES,
        fits=kv_bytes <= left_bytes,
        largest_context=min(model.context_length, affordable) if left_bytes >= 0 else 0,
    )
