"""How models come here: pulled, imported, quantised. What is asked, what is found and offered, how it goes."""

from typing import Literal

import msgspec

from .model_values import ModelSummary


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
    task: Literal["chat", "code", "embedding", "vision"]
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
