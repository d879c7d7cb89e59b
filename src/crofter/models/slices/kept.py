"""The slices of installed models that lie on the disk: `models/slices/<model's id>/stage-8-16.v1.gguf`. Their names are the index."""

import re
import shutil
import threading
from pathlib import Path

import msgspec

from crofter.core import ModelId, SliceFile
from crofter.models.installed import InstalledModel
from crofter.models.storage.contents import Contents
from crofter.store import remove_leftovers

from .files import SLICER_VERSION, make_slice, slice_file
from .plan import SlicePlan, legal_cuts, plan_ends, plan_slice

_FOLDER = "slices"
_NAME = re.compile(r"(?P<kind>stage|ends)-(?P<start>\d+)-(?P<stop>\d+)\.v(?P<version>\d+)\.gguf")


class KeptSlice(msgspec.Struct, frozen=True, kw_only=True):
    """A slice that is on the disk."""

    source_id: ModelId
    is_ends: bool
    start: int
    stop: int
    path: Path
    size_bytes: int


class Slices:
    """Writes a slice when it is first asked for, and keeps it until its model is removed. Blocking; may be called from any thread."""

    def __init__(self, models_folder: Path, contents: Contents) -> None:
        self._folder = models_folder / _FOLDER
        self._contents = contents
        self._writing = threading.Lock()

    def legal_cuts(self, model: InstalledModel) -> tuple[int, ...]:
        """Before which layers the model may be cut. Raises UNSUPPORTED, with the reason, if it cannot be; as `read_model`."""
        return legal_cuts(self._contents.header(model))

    def stage(self, model: InstalledModel, start: int, stop: int) -> SliceFile:
        """Layers `[start, stop)`: rows in, rows out. Raises as `plan_slice` and `make_slice`."""
        header = self._contents.header(model)
        return self._kept(model, plan_slice(header, start, stop))

    def ends(self, model: InstalledModel, start: int | None = None) -> SliceFile:
        """Tokeniser, embeddings and head, with the layers from `start` on; None: with none. Raises as `plan_ends` and `make_slice`."""
        header = self._contents.header(model)
        return self._kept(model, plan_ends(header, start))

    def kept(self) -> list[KeptSlice]:
        """All that are there, by model and range."""
        found: list[KeptSlice] = []
        for path in sorted(self._folder.glob("*/*.gguf")):
            name = _NAME.fullmatch(path.name)
            if name is not None and int(name["version"]) == SLICER_VERSION:
                found.append(
                    KeptSlice(
                        source_id=ModelId(path.parent.name),
                        is_ends=name["kind"] == "ends",
                        start=int(name["start"]),
                        stop=int(name["stop"]),
                        path=path,
                        size_bytes=path.stat().st_size,
                    )
                )
        return found

    def forget(self, model_id: ModelId) -> None:
        """Delete the slices of a model. Raises OSError."""
        folder = self._folder / model_id
        if folder.exists():
            shutil.rmtree(folder)

    def tidy(self) -> None:
        """Delete what a killed process left half written, and what earlier versions cut. Nothing may be writing."""
        for folder in self._folder.glob("*"):
            remove_leftovers(folder)
            for path in folder.glob("*.gguf"):
                name = _NAME.fullmatch(path.name)
                if name is not None and int(name["version"]) != SLICER_VERSION:
                    path.unlink(missing_ok=True)

    def _kept(self, model: InstalledModel, plan: SlicePlan) -> SliceFile:
        kind = "ends" if plan.is_ends else "stage"
        name = f"{kind}-{plan.start}-{plan.stop}.v{SLICER_VERSION}.gguf"
        target = self._folder / model.file.model_id / name
        with self._writing:
            if target.is_file():
                return slice_file(plan, model.file, target)
            return make_slice(plan, self._contents.header(model), model.file, target)
