"""What the owner can ask of the node besides answers. `node` implements it, `api/admin` serves it, `cli` and the web UI call it."""

from collections.abc import AsyncGenerator
from typing import Literal, Protocol

import msgspec

from crofter.core import ModelId, Sampling


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The node at a glance."""

    version: str
    process_id: int
    url: str
    home: str
    uptime_seconds: float
    default_model: str
    installed_models: int
    loaded_models: int
    active_requests: int
    resident_bytes: int


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


class PullRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to install, and what its owner says to it."""

    source: str
    """A file here, a name of the catalogue such as `qwen3:4b`, or a place on the hub such as `organisation/repository:Q4_K_M`."""
    name: str | None = None
    """What to call it; otherwise it is named after itself."""
    quantization: str = ""
    """Empty: the one that suits this machine."""
    accept_license: bool = False
    """The terms that an offer asks consent for are agreed to."""
    offline: bool = False
    """Ask nobody, whatever the settings say."""
    endpoint: str = ""
    """Another hub or mirror than in the settings."""
    token: str = ""
    """Sent to the hub, and kept nowhere; otherwise the node's own HF_TOKEN."""


class PullOffer(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be downloaded from the hub, why this, and under which terms."""

    repository: str
    revision: str
    """The commit."""
    files: tuple[str, ...]
    quantization: str
    size_bytes: int
    reason: str
    license: str
    """Empty: not stated."""
    license_link: str
    page: str
    pinned: bool
    """Whether the built-in catalogue knows the hash; otherwise the hub's own is trusted and recorded."""
    consent: str
    """Why the owner has to agree first; empty: need not."""
    needed_bytes: int
    """About what it takes of memory when it runs with a short context; only its size is known yet."""


class PullProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A step of `pull` or `quantize`. The last one carries the model."""

    status: Literal[
        "checking", "choosing", "copying", "reading", "downloading", "verifying", "quantizing", "installing", "done"
    ]
    done_bytes: int = 0
    total_bytes: int = 0
    offer: PullOffer | None = None
    """In the first step after the choice was made."""
    model: ModelSummary | None = None


class ModelSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Which models on this machine are asked for, and where the asking user's programs keep them."""

    sources: tuple[str, ...] = ()
    """Absolute paths of files and folders, or names as Ollama and LM Studio have them; none: everything they hold."""
    home: str = ""
    """The user's home folder. Empty: the node's own user and environment count, for what follows too."""
    ollama_models: str = ""
    """OLLAMA_MODELS; empty: the usual places."""
    hub_cache: str = ""
    """The Hugging Face cache."""


class FoundModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model on this machine that could be imported."""

    name: str
    program: Literal["ollama", "lm-studio", "hugging-face", "file"]
    parts: tuple[str, ...]
    """Paths, in order if it is split."""
    projector: str
    """The path of its vision part; may be empty."""
    size_bytes: int
    quantization: str
    architecture: str
    parameter_count: int
    installed: str = ""
    """The name of an installed model that is the same as far as headers tell; may be empty."""
    linked: bool = False
    """Whether exactly these files are installed."""


class FoundModels(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and in a sentence each what was left out."""

    models: tuple[FoundModel, ...]
    remarks: tuple[str, ...]


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was found and shall be used here."""

    parts: tuple[str, ...]
    projector: str = ""
    name: str | None = None
    usual_name: str = ""
    """What to call it if it was given no name and this one is free."""
    copy: bool = False
    """Take a copy into Crofter's own storage; otherwise the files are used where they lie."""


class QuantizeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which model to make smaller, and how."""

    model: str
    quantization: str
    """Such as Q4_K_M; an unknown one is refused with a list."""
    name: str | None = None
    """What to call the result; otherwise after the model and the quantisation."""
    requantize: bool = False
    """Whether a model that is quantised already may be quantised again, at a further loss."""


class CatalogueItem(msgspec.Struct, frozen=True, kw_only=True):
    """A good default that `pull` knows by a short name."""

    name: str
    task: Literal["chat", "code", "embedding"]
    about: str
    repository: str
    license: str
    quantization: str
    """The usual one; a pull chooses by the machine."""
    size_bytes: int
    """Of the usual one."""
    pinned: bool
    fits: bool
    """Whether this machine has the memory for it."""
    recommended: bool
    """The choice for its task on this machine."""
    installed: bool
    needed_bytes: int
    """About what it takes of memory when it runs."""


class TuneProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A step of `tune`. The last one carries the settings chosen."""

    step: int
    steps: int
    description: str
    prefill_tokens_per_second: float = 0.0
    decode_tokens_per_second: float = 0.0
    chosen: dict[str, str | int | bool] | None = None


class KeySummary(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret."""

    name: str
    prefix: str
    """The first characters of the secret, enough to recognise it."""
    created_at: float
    last_used_at: float | None = None


class CreatedKey(msgspec.Struct, frozen=True, kw_only=True):
    """The only time the secret is seen; the node keeps a hash."""

    summary: KeySummary
    secret: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of `doctor`."""

    name: str
    verdict: Literal["ok", "warning", "problem"]
    finding: str
    advice: str = ""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting with its value now, where it came from and what it does."""

    key: str
    value: str | int | float | bool | None
    default: str | int | float | bool | None
    source: Literal["default", "file", "environment", "flag"]
    description: str
    restart_needed: bool
    """Whether a change takes effect only when the node starts again."""


class Administration(Protocol):
    """Every method raises CrofterError when it cannot do what it says."""

    def status(self) -> NodeStatus: ...
    def installed_models(self) -> list[ModelSummary]: ...
    async def model_details(self, name: str) -> ModelDetails: ...
    def pull(self, request: PullRequest) -> AsyncGenerator[PullProgress]: ...
    def verify(self, name: str) -> AsyncGenerator[PullProgress]:
        """Read every byte of a model and compare it with the manifest. Raises MODEL_INVALID, naming what is damaged."""
        ...

    async def found_models(self, search: ModelSearch) -> FoundModels: ...
    def import_model(self, request: ImportRequest) -> AsyncGenerator[PullProgress]: ...
    def quantize(self, request: QuantizeRequest) -> AsyncGenerator[PullProgress]: ...
    def catalogue(self) -> list[CatalogueItem]: ...
    async def change_model(self, name: str, change: ModelChange) -> ModelDetails: ...
    def alias_model(self, name: str, alias: str) -> ModelSummary: ...
    async def remove_model(self, name: str) -> ModelSummary: ...
    def loaded_models(self) -> list[LoadedModel]: ...
    async def unload_model(self, name: str) -> None: ...
    def tune(self, name: str, workload: Literal["chat", "reading"]) -> AsyncGenerator[TuneProgress]: ...
    async def doctor(self) -> list[Check]: ...
    def settings(self) -> list[Setting]: ...
    def change_setting(self, key: str, value: str) -> Setting: ...
    def create_key(self, name: str) -> CreatedKey: ...
    def keys(self) -> list[KeySummary]: ...
    def revoke_key(self, name: str) -> KeySummary: ...
    def keys_exist(self) -> bool: ...
    def key_is_valid(self, secret: str) -> bool:
        """Constant-time; also records the use."""
        ...

    def administrator_token_is_valid(self, token: str) -> bool:
        """Constant-time compare with the token in this run's `run/node.json` (0600)."""
        ...

    def shut_down(self) -> None:
        """Ask the node to stop; returns at once."""
        ...
