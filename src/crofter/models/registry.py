"""The installed models: found by name or id, added, linked, named, removed. Blocking; the node calls it from threads."""

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.store import ModelRecords, Progress, remove_leftovers

from .admission import PROJECTOR_FILE, Admission
from .entries import Entries, Entry
from .gguf.parts import part_paths
from .installed import InstalledModel, packaged_model
from .names import checked_name, local_path
from .overrides import Overrides
from .slices import Slices
from .storage.contents import Contents
from .storage.installation import (
    Installation,
    delete_folder,
    delete_removed,
    write_manifest,
)


class ModelRegistry:
    """Every model that can be used, the embedded one included. `default_name` may be changed at any time; "" means: choose.

    A model lies in `models_folder/<id>/`, one file for each group of tensors. Equal groups of several models are one file with
    several names, so a model's folder can be deleted and the disk keeps what others need. Linked models lie elsewhere.
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
        self.default_name = default_name
        self._records = records
        self._folder = models_folder
        self._entries = Entries(
            records, models_folder, packaged_model() if embedded_path is None else embedded_path, overrides
        )
        self._admission = Admission(records, models_folder, self._entries)
        self._installing = threading.RLock()
        self.contents = Contents(records, models_folder, self._entries)
        self.slices = Slices(models_folder, self.contents)

    def installed(self) -> list[InstalledModel]:
        """One for each name, newest first, the embedded model last. Files are not looked at."""
        models = [entry.model for entry in reversed(self._entries.by_name().values())]
        if self._entries.embedded is not None:
            models.append(self._entries.embedded)
        return self._default_marked(models)

    def resolve(self, name: str) -> InstalledModel:
        """The model called `name`: a name, an id, or the beginning of one (8 characters or more); "" for the default.

        Raises MODEL_NOT_FOUND, naming what is near; MODEL_INVALID if its files are missing or were changed.
        """
        found = self._entries.find(name, self.default_name)
        if isinstance(found, Entry):
            self._entries.check(found)
            found = found.model
        return self._default_marked([found])[0]

    def add(
        self, source: str, name: str | None, progress: Progress, *, projector: Path | None = None
    ) -> InstalledModel:
        """Copy the GGUF at `source`, all its parts if it is split; content that is there already only gains a name.

        Without a name, the model's own is used. Raises UNSUPPORTED, MODEL_NOT_FOUND, MODEL_INVALID, INVALID_REQUEST, CONFLICT
        if the name belongs to other content, DISK_FULL. Whatever is raised, by `progress` too, nothing is left behind.
        """
        with self._one_at_a_time():
            new = self._admission.candidate(part_paths(local_path(source)), name, "", progress, projector)
            if not self._admission.gains_name(new, may_lie_elsewhere=False):
                installation = Installation(self._folder, new.model_id)
                place = installation.build(new.header, new.manifest, self._admission.shared, _second_half(progress))
                self._admission.register(new, place)
            if projector is not None:
                self._admission.copy_projector(new.model_id, projector)
        return self.resolve(new.name)

    def adopt(
        self,
        parts: Sequence[Path],
        name: str | None,
        usual_name: str,
        progress: Progress,
        before: Callable[[ModelId], None],
        *,
        projector: Path | None = None,
    ) -> InstalledModel:
        """Take over the files of a whole model on the same file system; `usual_name` is used when none is chosen.

        `before` is told the id just before. Raises MODEL_INVALID, INVALID_REQUEST, CONFLICT, and what `progress` raises while it
        hashes: the files then stay where they were. What is raised later leaves what `finish` finishes.
        """
        with self._one_at_a_time():
            new = self._admission.candidate(parts, name, usual_name, progress, projector)
            before(new.model_id)
            if self._admission.gains_name(new, may_lie_elsewhere=False):
                if projector is not None:
                    self._admission.copy_projector(new.model_id, projector)
                for part in (*parts, *([projector] if projector else ())):
                    part.unlink(missing_ok=True)
            else:
                installation = Installation(self._folder, new.model_id)
                source = installation.take_over(parts, new.manifest, new.name)
                if projector is not None:
                    installation.keep_beside(projector, PROJECTOR_FILE)
                place = installation.build(source, new.manifest, self._admission.shared, _second_half(progress))
                self._admission.register(new, place, place.with_name(PROJECTOR_FILE) if projector else None)
        return self.resolve(new.name)

    def link(
        self,
        parts: Sequence[Path],
        name: str | None,
        usual_name: str,
        progress: Progress,
        *,
        projector: Path | None = None,
    ) -> InstalledModel:
        """Register a model where it lies, copying nothing; what is installed already only gains the name. Raises as `add`."""
        with self._one_at_a_time():

            def hashed(done: int, total: int) -> None:
                progress(2 * done, total)

            new = self._admission.candidate(parts, name, usual_name, hashed, projector)
            if not self._admission.gains_name(new, may_lie_elsewhere=True):
                write_manifest(self._folder / new.model_id, new.manifest)
                self._admission.register(new, new.header.path.absolute(), projector)
        return self.resolve(new.name)

    def alias(self, name: str, new_name: str) -> InstalledModel:
        """Give an installed model one more name.

        Raises MODEL_NOT_FOUND, INVALID_REQUEST, CONFLICT if the name belongs to another, FORBIDDEN for the embedded model.
        """
        found = self._entries.find(name, self.default_name)
        if not isinstance(found, Entry):
            raise CrofterError(ErrorCode.FORBIDDEN, f"{found.name!r} is part of Crofter and keeps its name.")
        wanted = checked_name(new_name)
        with self._admission.changing:
            self._entries.free_name([wanted], found.record.model_id)
            self._admission.save(found.record, wanted)
        return self.resolve(wanted)

    def remove(self, name: str) -> InstalledModel:
        """Forget a name, and delete the files if that was its last; those of linked models stay.

        Raises MODEL_NOT_FOUND; FORBIDDEN for the embedded model; STORE_FAILED.
        """
        if not name.strip():
            raise CrofterError(ErrorCode.INVALID_REQUEST, "Say which model to remove.", parameter="name")
        found = self._entries.find(name, self.default_name)
        if not isinstance(found, Entry):
            raise CrofterError(ErrorCode.FORBIDDEN, f"{found.name!r} is part of Crofter and cannot be removed.")
        record = found.record
        with self._admission.changing, self._errors_explained():
            names = [key for key, entry in self._entries.by_name().items() if entry.record.model_id == record.model_id]
            if names == [found.model.name]:
                # The files go first: on a full disk the database cannot be written before there is room again.
                delete_folder(self._folder / record.model_id)
                self.slices.forget(record.model_id)
                if record.is_whole_file:
                    (self._folder / record.place).unlink(missing_ok=True)
            self._records.unregister(found.model.name)
            self._entries.forget()
        return found.model

    def tidy(self) -> None:
        """Put right what a killed process left, as far as that takes no time. Run at start, before anything else."""
        remove_leftovers(self._folder)
        delete_removed(self._folder)
        self.slices.tidy()
        self._admission.register_complete()

    def finish(self) -> None:
        """Finish what was interrupted, and divide the whole files that earlier versions kept. Takes as long as installing.

        Raises what the first installation raised that could not be finished, after the others; it is for the next time.
        """
        failures: list[CrofterError] = []
        with self._one_at_a_time():
            for installation in Installation.interrupted(self._folder):
                try:
                    header, manifest = installation.go_on()
                    installation.build(header, manifest, self._admission.shared, _silent)
                except CrofterError as error:
                    failures.append(error)
            self._admission.register_complete()
            self._admission.read_old_facts_again()
            for record in self._records.models().values():
                if record.is_whole_file and self._entries.is_untouched(record):
                    new = self._admission.candidate((self._folder / record.place,), None, record.model_id, _silent)
                    place = Installation(self._folder, new.model_id).build(
                        new.header, new.manifest, self._admission.shared, _silent
                    )
                    self._admission.register(new, place)
                    self._records.replace(record.model_id, new.model_id, without_name=new.name)
                    self._entries.forget()
                    (self._folder / record.place).unlink()
        if failures:
            raise failures[0]

    def _default_marked(self, models: list[InstalledModel]) -> list[InstalledModel]:
        default = self._entries.default(self.default_name)
        wanted = (self._entries.as_wanted(model) for model in models)
        return [msgspec.structs.replace(model, default=model.name == default) for model in wanted]

    @contextmanager
    def _one_at_a_time(self) -> Generator[None]:
        with self._installing, self._errors_explained():
            yield

    @contextmanager
    def _errors_explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            place = error.filename or self._folder
            message = f"The models in {self._folder} could not be changed ({place}: {error.strerror})."
            raise CrofterError(ErrorCode.STORE_FAILED, message) from error


def _second_half(progress: Progress) -> Progress:
    """Hashing came first; both read every byte once."""
    return lambda done, total: progress((total + done + 1) // 2, total)


def _silent(_done: int, _total: int) -> None:
    pass
