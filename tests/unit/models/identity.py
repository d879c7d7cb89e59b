"""What a model's files hold, computed without the registry."""

from pathlib import Path

from crofter.core import ModelId
from crofter.models.gguf.parts import part_paths, read_model
from crofter.models.storage.manifest import manifest_id, manifest_of


def content_of(path: Path) -> ModelId:
    """The id of the model whose first file this is, from every byte of it."""
    return manifest_id(manifest_of(read_model(part_paths(path)), lambda _done, _total: None))
