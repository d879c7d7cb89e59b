"""What the owner can ask of the node besides answers. `node` implements it, `api/admin` serves it, `cli` and the web UI call it."""

from collections.abc import AsyncGenerator
from typing import Literal, Protocol

import msgspec

from crofter.core import ModelId


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
    """Of: chat, completion, fim, embedding, rerank, tools, reasoning."""
    embedded: bool
    """True for the model that ships with Crofter."""
    added_at: float
    """Unix seconds."""
    default: bool = False
    fit: str = ""
    """Whether it can be loaded now, in a few words; empty: not asked."""


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
    """Where it was downloaded from, with commit and hash; empty if it came from a file."""
    memory: ModelMemory | None = None


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
    """A step of `pull`. The last one carries the model."""

    status: Literal["checking", "choosing", "copying", "downloading", "verifying", "joining", "installing", "done"]
    done_bytes: int = 0
    total_bytes: int = 0
    offer: PullOffer | None = None
    """In the first step after the choice was made."""
    model: ModelSummary | None = None


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
    def model_details(self, name: str) -> ModelDetails: ...
    def pull(self, request: PullRequest) -> AsyncGenerator[PullProgress]: ...
    def catalogue(self) -> list[CatalogueItem]: ...
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
