"""The weights of stages and ends, as files: cut from a model that is here, or from parts that other nodes give."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from crofter.core import CrofterError, ErrorCode, ModelFile, ModelId, NodeId, SliceFile, shown_size
from crofter.models import (
    Header,
    HubPlace,
    ModelRegistry,
    PartialModel,
    SlicePlan,
    facts_of,
    group_name,
    model_file,
    plan_ends,
    plan_slice,
)

from .pieces import Pieces

_PARTS = "parts"
_ID_CHARACTERS = 64

Progress = Callable[[int, int], None]
"""Told of bytes here, and of all."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A whole model to cut, wherever its weights are."""

    file: ModelFile
    """Its path means something only where `partial` is None."""
    header: Header
    partial: PartialModel | None = None
    holders: tuple[NodeId, ...] = ()
    """Who has what is not here."""
    place: HubPlace | None = None
    """Where the hub has it."""


class Weights:
    """Blocking work runs in threads; one slice is made at a time."""

    def __init__(self, registry: ModelRegistry, pieces: Pieces, models_folder: Path) -> None:
        self._registry = registry
        self._pieces = pieces
        self._folder = models_folder
        self._making = anyio.Lock()

    async def place(self, model_id: ModelId) -> HubPlace | None:
        """Where the hub has a model that is installed here, to be told to those who fetch parts of it."""
        return await anyio.to_thread.run_sync(self._pieces.hub.place, model_id)

    async def source(self, model_id: ModelId, holders: Sequence[NodeId], place: HubPlace | None = None) -> Source:
        """A model by its id: what is installed, else as those who hold it describe it.

        Raises MODEL_NOT_FOUND; DOWNLOAD_DAMAGED for a description of another model; what peers answer.
        """
        here = await anyio.to_thread.run_sync(self._installed, model_id)
        if here is not None:
            return here
        if len(model_id) != _ID_CHARACTERS or not model_id.isalnum():
            raise CrofterError(ErrorCode.MODEL_NOT_FOUND, "that is no id of a model", parameter="model")
        folder = self._folder / _PARTS / model_id
        partial = await anyio.to_thread.run_sync(PartialModel.opened, folder)
        if partial is None:
            description = await self._pieces.describe(model_id, holders)
            partial = await anyio.to_thread.run_sync(PartialModel.described, folder, model_id, description)
        described = await anyio.to_thread.run_sync(_described, partial, model_id, tuple(holders))
        return msgspec.structs.replace(described, place=place)

    async def stage(
        self, source: Source, start: int, stop: int, progress: Progress, room_bytes: int | None
    ) -> SliceFile:
        """Layers [start, stop) as a file; with `room_bytes`, all that is made or fetched here may take so much of the disk.

        Raises UNSUPPORTED for what cannot be cut there, DISK_FULL, and what fetching and writing raise.
        """
        part = await self._made(plan_slice(source.header, start, stop), source, progress, room_bytes)
        return msgspec.structs.replace(part, name=f"{source.file.name} {start}-{stop - 1}")

    async def ends(self, source: Source, start: int | None, progress: Progress) -> SliceFile:
        """Tokeniser, embeddings and head, with the layers from `start` on, None: with none. Raises as `stage`."""
        part = await self._made(plan_ends(source.header, start), source, progress, None)
        return msgspec.structs.replace(part, name=f"{source.file.name} ends")

    def helped_by(self, node_id: NodeId) -> AbstractContextManager[None]:
        """See `Pieces.helped_by`."""
        return self._pieces.helped_by(node_id)

    def used_bytes(self) -> int:
        """On the disk, by slices, and by parts that were fetched for them."""
        parts = (path.stat().st_size for path in (self._folder / _PARTS).rglob("*") if path.is_file())
        return sum(kept.size_bytes for kept in self._registry.slices.kept()) + sum(parts)

    async def _made(self, plan: SlicePlan, source: Source, progress: Progress, room_bytes: int | None) -> SliceFile:
        async with self._making:
            slices = self._registry.slices
            if not slices.has(plan, source.file.model_id):
                names = {group_name(tensor.source) for tensor in plan.tensors if tensor.source}
                await self._come(source, names, progress, room_bytes)
                made = await anyio.to_thread.run_sync(slices.made, plan, source.header, source.file)
                if source.partial is not None:
                    await anyio.to_thread.run_sync(source.partial.forget_groups, names)
                return made
            return await anyio.to_thread.run_sync(slices.made, plan, source.header, source.file)

    async def _come(self, source: Source, names: set[str], progress: Progress, room_bytes: int | None) -> None:
        groups = () if source.partial is None else source.partial.missing(names)
        total = sum(tensor.size_bytes for tensor in source.header.tensors if group_name(tensor.name) in names)
        needed = sum(group.size_bytes for group in groups) or total
        if room_bytes is not None and needed > room_bytes - self.used_bytes():
            raise CrofterError(
                ErrorCode.DISK_FULL,
                f"these layers need {shown_size(needed)} on the disk, and this node has"
                f" {shown_size(max(0, room_bytes - self.used_bytes()))} left of what it shares",
            )
        if source.partial is None or not groups:
            return
        done = sum(source.partial.begun_bytes(group) for group in groups)

        def come(size_bytes: int) -> None:
            nonlocal done
            done += size_bytes
            progress(done, needed)

        await self._pieces.fetch(source.partial, groups, source.holders, come, source.place)

    def _installed(self, model_id: ModelId) -> Source | None:
        try:
            model = self._registry.resolve(model_id)
        except CrofterError as error:
            if error.code is not ErrorCode.MODEL_NOT_FOUND:
                raise
            return None
        return Source(file=model.file, header=self._registry.contents.header(model))


def _described(partial: PartialModel, model_id: ModelId, holders: tuple[NodeId, ...]) -> Source:
    header = partial.header()
    facts = facts_of(header)
    file = model_file(facts.name or model_id[:12], model_id, header.path, header.size_bytes, facts)
    return Source(file=file, header=header, partial=partial, holders=holders)
