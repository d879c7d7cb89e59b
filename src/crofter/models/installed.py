"""One installed model, and the one that ships inside the package."""

from importlib.resources import files
from pathlib import Path

import msgspec

from crofter.core import ModelFile, ModelId, ProjectorFile

from .facts.model_facts import ModelFacts

EMBEDDED_NAME = "seedling"
SENSES = frozenset({"vision", "audio"})
"""The capabilities that a projector brings."""


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an owner can decide about a model. Kept as JSON: a new field needs a default."""

    capabilities: tuple[str, ...] | None = None
    """None: what the file says."""
    context_tokens: int = 0
    """How long a context to make; 0: as the engine's settings say."""
    pinned: bool = False
    """Kept loaded once it is."""


class InstalledModel(msgspec.Struct, frozen=True, kw_only=True):
    """A name, the file behind it and what is known of it."""

    name: str
    file: ModelFile
    facts: ModelFacts
    embedded: bool
    """True for the model that ships with Crofter."""
    added_at: float
    """Unix seconds; for the embedded model, when it was packaged."""
    default: bool = False
    linked: bool = False
    """True if its files are another program's: they are used where they lie, and never deleted."""
    projector: Path | None = None
    """The file that turns images or sound into its input."""
    settings: ModelSettings = ModelSettings()

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What it may be asked for: as its owner says, else as its file does."""
        return self.facts.capabilities if self.settings.capabilities is None else self.settings.capabilities


def model_file(
    name: str, model_id: ModelId, path: Path, size_bytes: int, facts: ModelFacts, projector: Path | None = None
) -> ModelFile:
    """What the engine needs to know of a model."""
    return ModelFile(
        model_id=model_id,
        name=name,
        path=path,
        size_bytes=size_bytes,
        architecture=facts.architecture,
        layer_count=facts.layer_count,
        context_length=facts.context_length,
        kv_bytes_per_token=facts.kv_bytes_per_token,
        capabilities=facts.capabilities,
        shape=facts.shape,
        projector=_projector_file(projector, facts),
    )


def _projector_file(path: Path | None, facts: ModelFacts) -> ProjectorFile | None:
    """The projector, if it is one that gives the model a sense."""
    if path is None or facts.projector is None or not SENSES.intersection(facts.capabilities):
        return None
    return ProjectorFile(path=path, **msgspec.structs.asdict(facts.projector))


def packaged_model() -> Path:
    """Where the embedded model is, if this package has one."""
    return Path(str(files("crofter.models") / "embedded" / f"{EMBEDDED_NAME}.gguf"))
