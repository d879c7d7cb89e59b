"""Models and workers as the owner sees them."""

from collections.abc import Mapping

from crofter.api import ModelDetails, ModelSummary
from crofter.core import ModelFile
from crofter.models import Catalog, InstalledModel


class NamedFiles:
    """The router's view of the catalogue: a name becomes a file to load, nothing else."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def resolve(self, name: str) -> ModelFile:
        """Raises MODEL_NOT_FOUND, or MODEL_INVALID when the file was damaged."""
        return self._catalog.resolve(name).file


def summary(model: InstalledModel) -> ModelSummary:
    """One line of `crofter ls`."""
    facts = model.facts
    return ModelSummary(
        name=model.name,
        model_id=model.file.model_id,
        size_bytes=model.file.size_bytes,
        architecture=facts.architecture,
        parameter_count=facts.parameter_count,
        quantization=facts.quantization,
        context_length=facts.context_length,
        capabilities=facts.capabilities,
        embedded=model.embedded,
        added_at=model.added_at,
        default=model.default,
    )


def details(model: InstalledModel, tuning: Mapping[str, str | int | bool]) -> ModelDetails:
    """What `crofter show` prints."""
    facts = model.facts
    return ModelDetails(
        summary=summary(model),
        path=str(model.file.path),
        license=facts.license,
        layer_count=facts.layer_count,
        embedding_length=facts.embedding_length,
        head_count=facts.head_count,
        key_value_head_count=facts.key_value_head_count,
        vocabulary_size=facts.vocabulary_size,
        kv_bytes_per_token=facts.kv_bytes_per_token,
        chat_template=facts.chat_template,
        tensor_types=facts.tensor_types,
        tuning=dict(tuning),
    )
