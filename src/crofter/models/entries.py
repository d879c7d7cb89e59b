"""What the database says is installed, and the model in the package: names with what they stand for, checked against the disk."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.store import ModelName, ModelRecord, ModelRecords

from .facts.model_facts import ModelFacts, read_facts
from .gguf.parts import Footprint, footprint, part_paths, read_model
from .installed import EMBEDDED_NAME, InstalledModel, model_file
from .names import advice_for, matching_name, model_name
from .overrides import Overrides
from .storage.installation import read_manifest
from .storage.manifest import manifest_id, manifest_of, matches


@dataclass(frozen=True)
class Entry:
    """A name with what it stands for."""

    record: ModelRecord
    model: InstalledModel


class Entries:
    """Read once and kept until something changes: every request asks."""

    def __init__(
        self, records: ModelRecords, models_folder: Path, embedded_path: Path, overrides: Overrides | None = None
    ) -> None:
        self._records = records
        self._folder = models_folder
        self._embedded_path = embedded_path
        self._overrides = overrides
        self._known: dict[str, Entry] | None = None
        self._reading = threading.Lock()

    def by_name(self) -> dict[str, Entry]:
        """Oldest name first; without the embedded model."""
        with self._reading:
            if self._known is None:
                records = self._records.models()
                self._known = {
                    name.name: Entry(records[name.model_id], self._installed(name, records[name.model_id]))
                    for name in self._records.names()
                    if name.model_id in records
                }
            return self._known

    def forget(self) -> None:
        """To be called after every write."""
        with self._reading:
            self._known = None

    @cached_property
    def embedded(self) -> InstalledModel | None:
        """The model in the package, if this package has one."""
        path = self._embedded_path
        if not path.is_file():
            return None
        facts = read_facts(path)
        status = path.stat()
        model_id = manifest_id(manifest_of(read_model((path,)), lambda _done, _total: None))
        return InstalledModel(
            name=EMBEDDED_NAME,
            file=model_file(EMBEDDED_NAME, model_id, path, status.st_size, facts),
            facts=facts,
            embedded=True,
            added_at=status.st_mtime,
        )

    def find(self, name: str, default_name: str) -> Entry | InstalledModel:
        """What `name` means: a name, an id or the beginning of one; "" for the default. Raises MODEL_NOT_FOUND, naming what is near."""
        embedded = self.embedded
        entries = self.by_name()
        ids = {name: entry.record.model_id for name, entry in entries.items()}
        if embedded is not None:
            ids[EMBEDDED_NAME] = embedded.file.model_id
        wanted = model_name(name) or self.default(default_name)
        found = matching_name(wanted, ids)
        if found in entries:
            return entries[found]
        if embedded is not None and found == EMBEDDED_NAME:
            return embedded
        role = "" if name.strip() else ", which is the default here" if default_name else " or any other"
        message = f"There is no model called {wanted[:128]!r}{role}.{advice_for(wanted, ids)}"
        raise CrofterError(ErrorCode.MODEL_NOT_FOUND, message, parameter="model")

    def default(self, default_name: str) -> str:
        """The configured default, else the newest that chats, else the embedded one."""
        if default_name:
            return model_name(default_name)
        for entry in reversed(self.by_name().values()):
            if "chat" in self.as_wanted(entry.model).capabilities:
                return entry.model.name
        return EMBEDDED_NAME

    def free_name(self, candidates: Sequence[str], model_id: ModelId) -> str:
        """The first that is nobody's, or this model's already. Raises CONFLICT."""
        for name in candidates:
            if self.owner(name) in {None, model_id}:
                return name
        raise CrofterError(
            ErrorCode.CONFLICT,
            f"{candidates[0]!r} is another model already: choose a name (`crofter pull PATH --name NAME`) or remove that one first.",
            parameter="name",
        )

    def as_wanted(self, model: InstalledModel) -> InstalledModel:
        """With what its owner decided about it."""
        return model if self._overrides is None else self._overrides.applied(model)

    def owner(self, name: str) -> ModelId | None:
        """Which model a name belongs to."""
        entry = self.by_name().get(name)
        if entry is not None:
            return entry.record.model_id
        return self.embedded.file.model_id if self.embedded is not None and name == EMBEDDED_NAME else None

    def first_file(self, record: ModelRecord) -> Path:
        """The file that llama.cpp is given."""
        return self._folder / record.place  # an absolute place stays what it is

    def lies_here(self, record: ModelRecord) -> bool:
        """Whether its files are Crofter's own, to be deleted with it."""
        return not Path(record.place).is_absolute()

    def is_untouched(self, record: ModelRecord | None) -> bool:
        """Whether the files of a model are there and have not been written to."""
        if record is None:
            return False
        try:
            return footprint(self.first_file(record)) == Footprint(record.size_bytes, record.modified_ns)
        except OSError:
            return False

    def check(self, entry: Entry) -> None:
        """Raises MODEL_INVALID, with what to do, if the files of a model are missing or are not what they were."""
        record = entry.record
        path = self.first_file(record)
        advice = self._advice(entry)
        try:
            found = footprint(path)
        except OSError as error:
            message = (
                f"The files of {entry.model.name!r} cannot be read ({error.filename}: {error.strerror}): {advice}."
            )
            raise CrofterError(ErrorCode.MODEL_INVALID, message) from error
        if found == (record.size_bytes, record.modified_ns):
            return
        # Our own folder, moved or restored, has new times; the same size and headers are enough to go on with. Another program may
        # have put other weights into a linked file.
        may_be_same = self.lies_here(record) and found.size_bytes == record.size_bytes
        if not may_be_same or not self._has_its_headers(record):
            message = f"The files of {entry.model.name!r} have been changed or damaged: {advice}."
            raise CrofterError(ErrorCode.MODEL_INVALID, message)
        self._records.update(msgspec.structs.replace(record, modified_ns=found.modified_ns))
        self.forget()

    def _has_its_headers(self, record: ModelRecord) -> bool:
        try:
            manifest = read_manifest(self._folder / record.model_id)
            return matches(manifest, read_model(part_paths(self.first_file(record))))
        except (CrofterError, OSError):
            return False

    def _advice(self, entry: Entry) -> str:
        remove = f"remove it (`crofter rm {entry.model.name}`)"
        if self.lies_here(entry.record):
            return f"{remove} and pull it again"
        return f"it was linked from where another program keeps it; {remove} and import or pull it again"

    def _installed(self, name: ModelName, record: ModelRecord) -> InstalledModel:
        facts = msgspec.json.decode(record.facts, type=ModelFacts)
        projector = self._folder / record.projector if record.projector else None
        return InstalledModel(
            name=name.name,
            file=model_file(name.name, record.model_id, self.first_file(record), record.size_bytes, facts, projector),
            facts=facts,
            embedded=False,
            added_at=name.added_at,
            linked=not self.lies_here(record),
            projector=projector,
        )


def facts_json(facts: ModelFacts) -> str:
    """As it is kept in a record."""
    return msgspec.json.encode(facts).decode()
