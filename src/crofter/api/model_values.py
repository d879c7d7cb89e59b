"""Models as their owner sees them: installed, loaded, measured."""

from typing import Literal

import msgspec

from crofter.core import ModelId, Radius, Sampling


class ModelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One installed model."""

    name: str
    model_id: ModelId
    size_bytes: int
    architecture: str
    parameter_count: int
    quantization: str
    context_length: int
    capabilities: tuple[str, ...]
    """Of: chat, completion, fim, embedding, rerank, tools, reasoning, vision, audio."""
    embedded: bool
    """True for the model that ships with Crofter."""
    added_at: float
    """Unix seconds."""
    default: bool = False
    linked: bool = False
    """Whether its files belong to another program and stay where they are, also when it is removed here."""
    pinned: bool = False
    """Kept loaded once it is."""
    fit: str = ""
    """Whether it can be loaded now, in a few words; empty: not asked."""
    provider: str = ""
    """The attached engine or service that runs it; empty: it is installed here."""
    radius: Radius = "local"
    """How far a prompt to it travels."""


class ModelPart(msgspec.Struct, frozen=True, kw_only=True):
    """One layer, or one thing outside the layers such as the embedding."""

    name: str
    is_layer: bool
    size_bytes: int
    parameter_count: int
    bytes_by_type: dict[str, int]
    """Quantisation type to bytes, the largest first."""
    group_id: str = ""
    """BLAKE3 of its content; empty: not known."""


class ModelMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What a model would take if it were loaded now, with the context it would get."""

    context_tokens: int
    """Tokens one request could hold."""
    kv_tokens: int
    """Tokens all requests could hold together."""
    weights_bytes: int
    kv_bytes: int
    """Keys and values of all those, and what recurrent layers remember."""
    compute_bytes: int
    process_bytes: int
    total_bytes: int
    """On the host and all accelerators."""
    accelerator_bytes: tuple[int, ...] = ()
    """Of that, on each accelerator."""
    free_bytes: int
    """What models may take on the host, idle ones unloaded."""
    advice: str = ""
    """What to do where it does not fit."""


class ModelDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `crofter show` prints."""

    summary: ModelSummary
    path: str
    license: str
    layer_count: int
    embedding_length: int
    head_count: int
    key_value_head_count: int
    vocabulary_size: int
    kv_bytes_per_token: int
    chat_template: str
    tensor_types: dict[str, int]
    """Quantisation type to number of tensors."""
    tuning: dict[str, str | int | bool] = {}
    origin: str = ""
    """Where it was downloaded from, with commit and hash, or what it was made from; empty if it came from a file."""
    names: tuple[str, ...] = ()
    """All it is called."""
    file_capabilities: tuple[str, ...] = ()
    """What the file says; the summary's are what its owner says, if that is something else."""
    context_tokens: int = 0
    """How long a context its owner wants; 0: as the node's settings say."""
    bytes_by_type: dict[str, int] = {}
    """Quantisation type to bytes, the largest first."""
    parts: tuple[ModelPart, ...] = ()
    """The embedding, the layers, the rest."""
    active_parameter_count: int = 0
    """Those that work on one token; fewer than all if it has experts."""
    expert_count: int = 0
    experts_used: int = 0
    """For one token."""
    sliding_window_tokens: int = 0
    """How far back some layers look; 0: all look at everything."""
    rope_scaling: str = ""
    """How it reaches beyond the context it was first trained on; empty: it does not."""
    sampling: Sampling = Sampling()
    """What its makers recommend."""
    usable_by: tuple[str, ...] = ("this machine",)
    """Whose requests it answers."""
    memory: ModelMemory | None = None


class ModelChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner decides about a model; what is left out stays as it is."""

    capabilities: tuple[str, ...] | msgspec.UnsetType | None = msgspec.UNSET
    """None: what the file says."""
    context_tokens: int | msgspec.UnsetType = msgspec.UNSET
    """0: as the node's settings say."""
    pinned: bool | msgspec.UnsetType = msgspec.UNSET


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, as `crofter ps` shows it."""

    name: str
    model_id: ModelId
    state: Literal["loading", "ready", "restarting", "stopping"]
    process_id: int
    resident_bytes: int
    context_tokens: int
    """Tokens one request may hold."""
    kv_tokens: int
    """Tokens all requests and the prefix cache may hold together."""
    kv_tokens_used: int
    active_requests: int
    queued_requests: int
    gpu_layers: int
    threads: int
    restarts: int
    idle_seconds: float
    expires_in_seconds: float | None
    """None: kept until stopped."""
    pinned: bool = False
    """Kept whatever happens: neither idleness nor other models unload it."""


class TuneProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A step of `tune`. The last one carries the settings chosen."""

    step: int
    steps: int
    description: str
    prefill_tokens_per_second: float = 0.0
    decode_tokens_per_second: float = 0.0
    chosen: dict[str, str | int | bool] | None = None
