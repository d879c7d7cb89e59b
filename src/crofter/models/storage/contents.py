"""What installed models consist of: headers, manifests, and groups of tensors that can be checked and given to others."""

from collections.abc import Generator
from pathlib import Path

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.models.entries import Entries
from crofter.models.gguf.header import Header
from crofter.models.gguf.parts import part_paths, read_model
from crofter.models.installed import InstalledModel
from crofter.store import GroupRecord, ModelRecords, Progress

from .installation import read_manifest
from .manifest import Manifest, groups_of, manifest_of
from .partial import Description, description_of
from .shards import group_data, is_intact


class Contents:
    """Reads, and never changes anything."""

    def __init__(self, records: ModelRecords, models_folder: Path, entries: Entries) -> None:
        self._records = records
        self._folder = models_folder
        self._entries = entries

    def manifest(self, model: InstalledModel) -> Manifest:
        """What the model consists of. Raises MODEL_INVALID if that was deleted."""
        if model.embedded:
            return manifest_of(self.header(model), lambda _done, _total: None)
        return read_manifest(self._folder / model.file.model_id)

    def header(self, model: InstalledModel) -> Header:
        """What its files say, all parts together. Raises as `read_model`."""
        return read_model(part_paths(model.file.path))

    def description(self, model: InstalledModel) -> Description:
        """All but the weights, for a node that is to hold some of its layers. Raises as `header`."""
        return description_of(self.manifest(model), self.header(model))

    def group_ids(self, model: InstalledModel) -> dict[str, str]:
        """The content of each group of a model, by name."""
        if model.embedded:
            return {group.name: group.group_id for group in groups_of(self.manifest(model))}
        return {group.name: group.group_id for group in self._records.groups(model.file.model_id)}

    def holders(self, group_id: str) -> list[GroupRecord]:
        """Which installed models have a group of tensors."""
        return self._records.holders(group_id)

    def group_data(self, group_id: str) -> Generator[bytes]:
        """A tensor group from whichever model has it, hashed on the way. What a peer is given.

        Raises MODEL_NOT_FOUND if none has it; MODEL_INVALID, at the end of a tensor, if every copy of it is damaged.
        """
        holders = self._records.holders(group_id)
        for holder in holders:
            model = self._model(holder.model_id)
            group = next(each for each in groups_of(self.manifest(model)) if each.group_id == group_id)
            header = self.header(model)
            if holder is holders[-1] or is_intact(group, header):
                yield from group_data(group, header)
                return
        raise CrofterError(ErrorCode.MODEL_NOT_FOUND, f"No model here has the tensor group {group_id[:64]!r}.")

    def damaged_groups(self, model: InstalledModel, progress: Progress) -> list[str]:
        """Read every byte of a model and name the groups that are not what its manifest says. Raises MODEL_INVALID, OSError."""
        header = self.header(model)
        groups = groups_of(self.manifest(model))
        total_bytes = sum(group.size_bytes for group in groups)
        damaged: list[str] = []
        done_bytes = 0
        for group in groups:
            if not is_intact(group, header):
                damaged.append(group.name)
            done_bytes += group.size_bytes
            progress(done_bytes, total_bytes)
        return damaged

    def _model(self, model_id: ModelId) -> InstalledModel:
        entry = next(entry for entry in self._entries.by_name().values() if entry.record.model_id == model_id)
        return entry.model
