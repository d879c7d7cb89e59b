"""What the node and the worker of a slice say to each other, beside what any worker says (`wire.py`)."""

import msgspec

from crofter.core import AdapterUse, EmbeddingTable, ModelId, Rows


class SlicePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs to know of a slice to load it. See `core.SliceFile`."""

    slice_id: ModelId
    hidden_tensor: str
    gives_wanted_only: bool
    """Whether it holds the model's last layer, which is computed to its end for the wanted rows only."""
    input_scale: float
    output_scale: float
    embeddings: EmbeddingTable | None
    """Set for the ends."""
    keeps_layers: bool = True
    """Whether any of its layers is the model's; ends can be without."""
    build_folder: str
    """Where the compiled tap is kept; empty: none is compiled."""


# Node to a stage's worker.


class Compute(msgspec.Struct, frozen=True, kw_only=True, tag="compute"):
    call: int
    session: int
    rows: Rows
    adapters: tuple[AdapterUse, ...] = ()


class Forget(msgspec.Struct, frozen=True, kw_only=True, tag="forget"):
    call: int
    session: int


class Export(msgspec.Struct, frozen=True, kw_only=True, tag="export"):
    call: int
    session: int


class TakeIn(msgspec.Struct, frozen=True, kw_only=True, tag="take_in"):
    call: int
    session: int
    state: bytes


# A stage's worker to the node.


class Computed(msgspec.Struct, frozen=True, kw_only=True, tag="computed"):
    call: int
    values: bytes


class Missing(msgspec.Struct, frozen=True, kw_only=True, tag="missing"):
    """The rows lie beyond what the stage holds of the session; nothing was computed."""

    call: int
    held: int


class Exported(msgspec.Struct, frozen=True, kw_only=True, tag="exported"):
    call: int
    state: bytes


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """The answer to Forget and TakeIn; `held`: rows that the session holds now."""

    call: int
    held: int


# Between the node and the worker of the ends. Sessions are the worker's own numbers, one for each choice.


class Forward(msgspec.Struct, frozen=True, kw_only=True, tag="forward"):
    """Worker to node: rows for the first stage; steps count from 0 in each session."""

    call: int
    session: int
    step: int
    rows: Rows


class Release(msgspec.Struct, frozen=True, kw_only=True, tag="release"):
    """Worker to node: the session has ended."""

    call: int
    session: int


class Returned(msgspec.Struct, frozen=True, kw_only=True, tag="returned"):
    """Node to worker: what the last stage gave of a step; steps come back in order."""

    call: int
    session: int
    step: int
    values: bytes
