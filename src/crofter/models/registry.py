"""The installed models: found by name or id, added from a file, removed. Blocking; the node calls it from threads."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
from blake3 import blake3

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.store import (
    ModelName,
    ModelRecord,
    ModelRecords,
    Progress,
    copied_file,
    move_into_place,
    read_blocks,
    remove_leftovers,
)

from .facts import ModelFacts, read_facts
from .installed import EMBEDDED_NAME, InstalledModel, model_file, packaged_model
from .names import SHORTEST_ID_PREFIX, advice_for, checked_name, derived_name, local_path, matching_name, model_name
from .overrides import Overrides

_ID_LENGTH = 64


@dataclass(frozen=True)
class _Entry:
    """A name with what it stands for."""

    record: ModelRecord
    model: InstalledModel


class ModelRegistry:
    """Every model that can be used, the embedded one included. `default_name` may be changed at any time; "" means: choose.

    Files lie in `models_folder` under their BLAKE3. A model is registered only once its file is complete, and its file is
    deleted with its last name.
    """

    def __init__(
        self,
        records: ModelRecords,
        models_folder: Path,
        default_name: str = "",
        *,
        overrides: Overrides | None = None,
        embedded_path: Path | None = None,
    ) -> None:
        self._records = records
        self._folder = models_folder
        self.default_name = default_name
        self._overrides = overrides
        self._embedded_path = packaged_model() if embedded_path is None else embedded_path
        self._changing = threading.Lock()
        self._known: dict[str, _Entry] | None = None
        self._reading = threading.Lock()

    def installed(self) -> list[InstalledModel]:
        """One for each name, newest first, the embedded model last. Files are not looked at."""
        models = [entry.model for entry in reversed(self._entries().values())]
        if self._embedded is not None:
            models.append(self._embedded)
        return self._default_marked(models)

    def resolve(self, name: str) -> InstalledModel:
        """The model called `name`: a name, an id, or the beginning of one (8 characters or more); "" for the default.

        Raises MODEL_NOT_FOUND, naming what is near; MODEL_INVALID if its file is missing or was changed.
        """
        found = self._find(name)
        if isinstance(found, _Entry):
            self._check_file(found)
            found = found.model
        return self._default_marked([found])[0]

    def add(self, source: str, name: str | None, progress: Progress) -> InstalledModel:
        """Copy the GGUF at `source` into the models folder and register it; content that is there already only gains a name.

        Without a name, the model's own is used. Raises UNSUPPORTED, MODEL_NOT_FOUND, MODEL_INVALID, INVALID_REQUEST, CONFLICT
        if the name belongs to other content, DISK_FULL. Whatever is raised, by `progress` too, nothing is left behind.
        """
        path = local_path(source)
        facts = read_facts(path)
        wanted = checked_name(name) if name else ""
        try:
            known = self._known_id(path, progress)
            chosen = self._free_name(wanted, derived_name(facts.name, path), facts, known)
            if self._embedded is not None and chosen == EMBEDDED_NAME:
                return self._embedded
            if self._is_untouched(known):
                with self._changing:
                    self._register(chosen, ModelId(known), facts)
            else:
                self._copy(path, chosen, facts, progress)
        except OSError as error:
            message = f"{path} cannot be copied into {self._folder}: {error.strerror}."
            raise CrofterError(ErrorCode.STORE_FAILED, message) from error
        return self.resolve(chosen)

    def adopt(
        self, path: Path, name: str | None, usual_name: str, progress: Progress, before: Callable[[ModelId], None]
    ) -> InstalledModel:
        """Take a whole GGUF on the same file system over by moving it, and register it; `usual_name` is used when none is chosen.

        `before` is told the id just before the file becomes a model. Raises MODEL_INVALID, INVALID_REQUEST, CONFLICT; the file then
        stays where it was.
        """
        facts = read_facts(path)
        wanted = checked_name(name) if name else ""
        model_id = _content_id(path, progress)
        chosen = self._free_name(wanted, derived_name(usual_name or facts.name, path), facts, model_id)
        before(model_id)
        with self._changing:
            target = self._file(model_id)
            is_new = not self._is_untouched(model_id)
            try:
                if is_new:
                    move_into_place(path, target)
                self._register(chosen, model_id, facts)
            except OSError as error:
                message = f"{path} cannot be moved into {self._folder}: {error.strerror}."
                raise CrofterError(ErrorCode.STORE_FAILED, message) from error
            except CrofterError:
                if is_new and model_id not in self._records.models():
                    move_into_place(target, path)
                raise
        path.unlink(missing_ok=True)
        return self.resolve(chosen)

    def alias(self, name: str, new_name: str) -> InstalledModel:
        """Give an installed model one more name.

        Raises MODEL_NOT_FOUND, INVALID_REQUEST, CONFLICT if the name belongs to another, FORBIDDEN for the embedded model.
        """
        found = self._find(name)
        if not isinstance(found, _Entry):
            raise CrofterError(ErrorCode.FORBIDDEN, f"{found.name!r} is part of Crofter and keeps its name.")
        wanted = checked_name(new_name)
        with self._changing:
            self._register(
                self._free_name(wanted, wanted, found.model.facts, found.record.model_id),
                found.record.model_id,
                found.model.facts,
            )
        return self.resolve(wanted)

    def remove(self, name: str) -> InstalledModel:
        """Forget a name, and delete the file if that was its last. Raises MODEL_NOT_FOUND; FORBIDDEN for the embedded model."""
        if not name.strip():
            raise CrofterError(ErrorCode.INVALID_REQUEST, "Say which model to remove.", parameter="name")
        found = self._find(name)
        if not isinstance(found, _Entry):
            raise CrofterError(ErrorCode.FORBIDDEN, f"{found.name!r} is part of Crofter and cannot be removed.")
        model_id = found.record.model_id
        with self._changing:
            names = [entry.model.name for entry in self._entries().values() if entry.record.model_id == model_id]
            if names == [found.model.name]:
                # The file goes first: on a full disk the database cannot be written before there is room again.
                self._delete(self._folder / found.record.file_name)
            self._records.unregister(found.model.name)
            self._forget_known()
        return found.model

    def tidy(self) -> None:
        """Put right what a killed process left: half copies go, whole models that were not registered yet are. Run at start."""
        remove_leftovers(self._folder)
        known = self._records.models()
        for path in sorted(self._folder.glob("*.gguf")):
            if len(path.stem) != _ID_LENGTH or path.stem in known:
                continue
            try:
                facts = read_facts(path)
            except CrofterError:
                continue  # not ours to delete, and of no use
            name = derived_name(facts.name, path)
            if self._owner(name) is not None:
                name = f"{name[:100]}-{path.stem[:SHORTEST_ID_PREFIX]}"
            self._register(name, ModelId(path.stem), facts)

    @cached_property
    def _embedded(self) -> InstalledModel | None:
        path = self._embedded_path
        if not path.is_file():
            return None
        facts = read_facts(path)
        status = path.stat()
        model_id = _content_id(path, lambda _done, _total: None)
        return InstalledModel(
            name=EMBEDDED_NAME,
            file=model_file(EMBEDDED_NAME, model_id, path, status.st_size, facts),
            facts=facts,
            embedded=True,
            added_at=status.st_mtime,
        )

    def _entries(self) -> dict[str, _Entry]:
        """By name, oldest first. Read once and kept until something changes: every request asks."""
        with self._reading:
            if self._known is None:
                records = self._records.models()
                self._known = {
                    name.name: _Entry(records[name.model_id], self._installed(name, records[name.model_id]))
                    for name in self._records.names()
                    if name.model_id in records
                }
            return self._known

    def _forget_known(self) -> None:
        """To be called after every write."""
        with self._reading:
            self._known = None

    def _installed(self, name: ModelName, record: ModelRecord) -> InstalledModel:
        facts = msgspec.json.decode(record.facts, type=ModelFacts)
        path = self._folder / record.file_name
        return InstalledModel(
            name=name.name,
            file=model_file(name.name, record.model_id, path, record.size_bytes, facts),
            facts=facts,
            embedded=False,
            added_at=name.added_at,
        )

    def _default(self) -> str:
        if self.default_name:
            return model_name(self.default_name)
        for entry in reversed(self._entries().values()):
            if "chat" in self._as_wanted(entry.model).capabilities:
                return entry.model.name
        return EMBEDDED_NAME

    def _find(self, name: str) -> _Entry | InstalledModel:
        embedded = self._embedded
        entries = self._entries()
        ids = {name: entry.record.model_id for name, entry in entries.items()}
        if embedded is not None:
            ids[EMBEDDED_NAME] = embedded.file.model_id
        wanted = model_name(name) or self._default()
        found = matching_name(wanted, ids)
        if found in entries:
            return entries[found]
        if embedded is not None and found == EMBEDDED_NAME:
            return embedded
        role = "" if name.strip() else ", which is the default here" if self.default_name else " or any other"
        message = f"There is no model called {wanted[:128]!r}{role}.{advice_for(wanted, ids)}"
        raise CrofterError(ErrorCode.MODEL_NOT_FOUND, message, parameter="model")

    def _default_marked(self, models: list[InstalledModel]) -> list[InstalledModel]:
        default = self._default()
        return [msgspec.structs.replace(self._as_wanted(model), default=model.name == default) for model in models]

    def _as_wanted(self, model: InstalledModel) -> InstalledModel:
        return model if self._overrides is None else self._overrides.applied(model)

    def _is_untouched(self, model_id: str) -> bool:
        record = self._records.models().get(ModelId(model_id))
        path = self._folder / record.file_name if record else None
        if record is None or path is None or not path.is_file():
            return False
        status = path.stat()
        return (status.st_size, status.st_mtime_ns) == (record.size_bytes, record.modified_ns)

    def _check_file(self, entry: _Entry) -> None:
        record = entry.record
        path = self._folder / record.file_name
        name = entry.model.name
        advice = f"remove it (`crofter rm {name}`) and pull it again"
        try:
            status = path.stat()
        except OSError as error:
            message = f"The file of {name!r} cannot be read ({error.strerror}): {advice}."
            raise CrofterError(ErrorCode.MODEL_INVALID, message) from error
        if status.st_size == record.size_bytes and status.st_mtime_ns == record.modified_ns:
            return
        # A folder that was moved or restored has new times; the same size and header are enough to go on with.
        facts = _facts_json(read_facts(path)) if status.st_size == record.size_bytes else ""
        if facts != record.facts:
            message = f"The file of {name!r} has been changed or damaged: {advice}."
            raise CrofterError(ErrorCode.MODEL_INVALID, message)
        self._records.update(msgspec.structs.replace(record, modified_ns=status.st_mtime_ns))
        self._forget_known()

    def _known_id(self, path: Path, progress: Progress) -> str:
        """The id of `path`'s content if a model of that size is installed, else ""; hashing is spared where it cannot match."""
        sizes = {record.size_bytes for record in self._records.models().values()}
        if self._embedded is not None:
            sizes.add(self._embedded.file.size_bytes)
        return _content_id(path, progress) if path.stat().st_size in sizes else ""

    def _free_name(self, wanted: str, derived: str, facts: ModelFacts, model_id: str) -> str:
        candidates = (wanted,) if wanted else (derived, f"{derived[:100]}-{facts.quantization.lower()}")
        for name in candidates:
            if self._owner(name) in {None, model_id}:
                return name
        raise CrofterError(
            ErrorCode.CONFLICT,
            f"{candidates[0]!r} is another model already: choose a name (`crofter pull PATH --name NAME`) or remove that one first.",
            parameter="name",
        )

    def _owner(self, name: str) -> str | None:
        entry = self._entries().get(name)
        if entry is not None:
            return entry.record.model_id
        return self._embedded.file.model_id if self._embedded is not None and name == EMBEDDED_NAME else None

    def _copy(self, path: Path, name: str, facts: ModelFacts, progress: Progress) -> None:
        hasher = blake3()
        with copied_file(path, self._folder, hasher.update, progress) as copy, self._changing:
            model_id = ModelId(hasher.hexdigest())
            target = self._file(model_id)
            copy.keep(target)
            try:
                self._register(name, model_id, facts)
            except CrofterError:
                if model_id not in self._records.models():
                    target.unlink(missing_ok=True)
                raise

    def _delete(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise CrofterError(ErrorCode.STORE_FAILED, f"{path} cannot be deleted: {error.strerror}.") from error

    def _register(self, name: str, model_id: ModelId, facts: ModelFacts) -> None:
        owner = self._owner(name)
        if owner not in {None, model_id}:
            raise CrofterError(
                ErrorCode.CONFLICT, f"{name!r} has just become another model: try again.", parameter="name"
            )
        path = self._file(model_id)
        status = os.stat(path)
        record = ModelRecord(
            model_id=model_id,
            file_name=path.name,
            size_bytes=status.st_size,
            modified_ns=status.st_mtime_ns,
            facts=_facts_json(facts),
        )
        self._records.register(record, ModelName(name=name, model_id=model_id, added_at=time.time()))
        self._forget_known()

    def _file(self, model_id: ModelId) -> Path:
        return self._folder / f"{model_id}.gguf"


def _facts_json(facts: ModelFacts) -> str:
    return msgspec.json.encode(facts).decode()


def _content_id(path: Path, progress: Progress) -> ModelId:
    hasher = blake3()
    read_blocks(path, hasher.update, progress)
    return ModelId(hasher.hexdigest())
