"""One installed model, and the one that ships inside the package."""

from importlib.resources import files
from pathlib import Path

import msgspec

from crofter.core import ModelFile, ModelId

from .facts import ModelFacts

EMBEDDED_NAME = "seedling"


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


def model_file(name: str, model_id: ModelId, path: Path, size_bytes: int, facts: ModelFacts) -> ModelFile:
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
        shape=facts.shape,
    )


def packaged_model() -> Path:
    """Where the embedded model is, if this package has one."""
    return Path(str(files("crofter.models") / "embedded" / f"{EMBEDDED_NAME}.gguf"))
