"""How slices of models are loaded: pure decisions beside those of `plan.py`."""

from pathlib import Path

import msgspec

from crofter.core import Model, SliceFile

from .messages import SlicePlan
from .wire import LoadPlan

HEAD_CELLS = 512
"""Cells of the context of ends without layers, which remembers nothing, and the most rows that go on to a route at once."""


_MOST_STEP_BYTES = 15 << 20
"""Of the rows of one step: what carries them over a route has frames of 16 MiB."""
_TILE_ROWS = 64
_CELLS_STEP = 256
"""llama.cpp rounds contexts to this."""


def stage_kv_tokens(context_tokens: int) -> int:
    """Cells of a stage, for all its sessions: two of the longest, or more that are shorter.

    It depends on nothing but the route's context: some models choose their factors of rotation by it (LongRoPE), and would compute
    differently at stages with more memory than others.
    """
    return -(-2 * context_tokens // _CELLS_STEP) * _CELLS_STEP


def rows_over_route(width: int) -> int:
    """The most rows of so many numbers that ends send on at once, in whole tiles of fused attention."""
    fitting = _MOST_STEP_BYTES // (4 * max(1, width)) // _TILE_ROWS * _TILE_ROWS
    return min(HEAD_CELLS, max(_TILE_ROWS, fitting))


def is_ends(model: Model) -> bool:
    """Whether it is the tokeniser, the embeddings and the output of a model rather than layers of it."""
    return isinstance(model, SliceFile) and model.embeddings is not None


def remembers_nothing(model: Model) -> bool:
    """Whether it is ends without a layer: the stages hold what is known of a session."""
    return isinstance(model, SliceFile) and is_ends(model) and model.start == model.stop


def with_slice(load: LoadPlan, model: Model, build_folder: Path) -> LoadPlan:
    """The plan with what the worker of a slice needs beside; a whole model's stays as it is."""
    if not isinstance(model, SliceFile):
        return load
    # What a stage holds belongs to sessions of others: it keeps nothing for whoever comes next.
    return msgspec.structs.replace(load, slice=slice_plan(model, str(build_folder)), prefix_cache_bytes=0)


def slice_plan(model: SliceFile, build_folder: str) -> SlicePlan:
    """What the worker of a slice needs to know of it. `build_folder`: as `SlicePlan` has it."""
    return SlicePlan(
        slice_id=model.model_id,
        hidden_tensor=model.hidden_tensor,
        gives_wanted_only=model.stop == model.source_layer_count,
        input_scale=model.input_scale,
        output_scale=model.output_scale,
        embeddings=model.embeddings,
        keeps_layers=model.start < model.stop,
        build_folder=build_folder,
    )
