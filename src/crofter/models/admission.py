"""How a model becomes a registered one: hashed, given a free name, written into the database with its groups."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from crofter.core import CrofterError, ModelId
from crofter.store import GroupRecord, ModelName, ModelRecord, ModelRecords, Progress, new_file, read_range

from .entries import Entries, facts_json
from .facts.model_facts import READING, ModelFacts, facts_of, read_facts
from .gguf.header import Header, read_header
from .gguf.parts import footprint, part_path, read_model
from .installed import EMBEDDED_NAME
from .names import SHORTEST_ID_PREFIX, checked_name, derived_name
from .storage.installation import first_part, forget_takeover, read_manifest, taken_over_name
from .storage.manifest import Manifest, TensorGroup, groups_of, manifest_id, manifest_of
from .storage.shards import is_intact

_ID_LENGTH = 64
_LONGEST_STEM = 100
PROJECTOR_FILE = "projector.gguf"


class Candidate(NamedTuple):
    """A model that is about to be registered under a name that is free."""

    header: Header
    facts: ModelFacts
    manifest: Manifest
    model_id: ModelId
    name: str


class Admission:
    """Writes what is installed; `changing` is held while names are decided and written."""

    def __init__(self, records: ModelRecords, models_folder: Path, entries: Entries) -> None:
        self.changing = threading.Lock()
        self._records = records
        self._folder = models_folder
        self._entries = entries

    def candidate(
        self,
        parts: Sequence[Path],
        name: str | None,
        usual_name: str,
        progress: Progress,
        projector: Path | None = None,
    ) -> Candidate:
        """What the files are and what they can be called. Raises INVALID_REQUEST, MODEL_INVALID, CONFLICT, or what `progress` raises."""
        wanted = checked_name(name) if name else ""
        header = read_model(parts)
        facts = facts_of(header, projector)
        manifest = manifest_of(header, lambda done, total: progress(done // 2, total))
        model_id = manifest_id(manifest)
        derived = derived_name(usual_name or facts.name, header.path)
        candidates = [wanted] if wanted else [derived, f"{derived[:_LONGEST_STEM]}-{facts.quantization.lower()}"]
        return Candidate(header, facts, manifest, model_id, self._entries.free_name(candidates, model_id))

    def gains_name(self, new: Candidate, *, may_lie_elsewhere: bool) -> bool:
        """Content that is there needs nothing but the name."""
        if self._entries.embedded is not None and new.name == EMBEDDED_NAME:
            return True
        record = self._records.models().get(new.model_id)
        if record is None or not self._entries.is_untouched(record):
            return False
        if not may_lie_elsewhere and not self._entries.lies_here(record):
            return False
        with self.changing:
            self.save(record, new.name)
        return True

    def register(self, new: Candidate, first: Path, projector: Path | None = None) -> None:
        """Write down that a candidate's files are there, from `first` on. Raises CONFLICT if the name was taken meanwhile."""
        self._register_files(new.model_id, first, new.facts, new.manifest, new.name, projector)

    def copy_projector(self, model_id: ModelId, source: Path) -> None:
        """Keep a copy of what turns images or sound into a model's input beside the model. Raises as `new_file`."""
        if model_id not in self._records.models():
            return  # the embedded model, which is kept as it is
        target = self._folder / model_id / PROJECTOR_FILE
        size_bytes = source.stat().st_size
        with new_file(target, size_bytes) as file:
            for block in read_range(source, 0, size_bytes):
                file.write(block)
        with self.changing:
            record = self._records.models()[model_id]
            place = str(target.relative_to(self._folder))
            facts = facts_json(read_facts(self._entries.first_file(record), target))
            self._records.update(msgspec.structs.replace(record, projector=place, facts=facts))
            self._entries.forget()

    def read_old_facts_again(self) -> None:
        """Facts that an earlier version read from a file, as this one reads them."""
        for record in self._records.models().values():
            known = msgspec.json.decode(record.facts, type=ModelFacts)
            if known.reading == READING or not self._entries.is_untouched(record):
                continue
            projector = self._folder / record.projector if record.projector else None
            with suppress(CrofterError):
                facts = read_facts(self._entries.first_file(record), projector)
                with self.changing:
                    self._records.update(msgspec.structs.replace(record, facts=facts_json(facts)))
                    self._entries.forget()

    def register_complete(self) -> None:
        """Whole models that were not registered before their process died, or while the disk was full."""
        known = self._records.models()
        for folder in self._folder.glob("?" * _ID_LENGTH):
            if folder.name not in known:
                # A folder without a readable manifest is not ours to delete, and of no use.
                with suppress(CrofterError):
                    self._register_found(folder, ModelId(folder.name))

    def _register_found(self, folder: Path, model_id: ModelId) -> None:
        manifest = read_manifest(folder)
        first = folder / first_part(manifest)
        projector = folder / PROJECTOR_FILE if (folder / PROJECTOR_FILE).is_file() else None
        facts = read_facts(first, projector)
        derived = taken_over_name(folder) or derived_name(facts.name, first)
        free = [derived, f"{derived[:_LONGEST_STEM]}-{model_id[:SHORTEST_ID_PREFIX]}"]
        self._register_files(model_id, first, facts, manifest, self._entries.free_name(free, model_id), projector)

    def _place(self, file: Path) -> str:
        """As it is written down: what lies in the models folder moves with it."""
        return str(file.relative_to(self._folder)) if file.is_relative_to(self._folder) else str(file)

    def _register_files(
        self,
        model_id: ModelId,
        first: Path,
        facts: ModelFacts,
        manifest: Manifest,
        name: str,
        projector: Path | None,
    ) -> None:
        found = footprint(first)
        record = ModelRecord(
            model_id=model_id,
            place=self._place(first),
            size_bytes=found.size_bytes,
            modified_ns=found.modified_ns,
            facts=facts_json(facts),
            projector=self._place(projector.absolute()) if projector else "",
        )
        groups = [
            GroupRecord(
                group_id=group.group_id,
                model_id=model_id,
                position=position,
                name=group.name,
                size_bytes=group.size_bytes,
            )
            for position, group in enumerate(groups_of(manifest), start=1)
        ]
        with self.changing:
            self._entries.free_name([name], model_id)  # it may have been taken while the files were read
            self.save(record, name, groups)
        forget_takeover(self._folder / model_id)

    def save(self, record: ModelRecord, name: str, groups: Sequence[GroupRecord] | None = None) -> None:
        """Let a name mean a model, whose groups stay as they are without new ones. To be called with `changing` held."""
        self._records.register(record, ModelName(name=name, model_id=record.model_id, added_at=time.time()), groups)
        self._entries.forget()

    def shared(self, group: TensorGroup, position: int) -> Path | None:
        """The file of another model here that is this group at this place, once its bytes have been read and found right."""
        models = self._records.models()
        for holder in self._records.holders(group.group_id):
            record = models[holder.model_id]
            if (holder.position, holder.name) != (position, group.name) or not self._entries.lies_here(record):
                continue
            path = part_path(self._entries.first_file(record), position)
            try:
                if path is not None and is_intact(group, read_header(path)):
                    return path
            except (CrofterError, OSError):
                continue  # damaged: it is written anew
        return None
