"""What computes: the engine's side of a stage, as this room asks it."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from crofter.core import ModelId, NodeId, Rows, SliceFile

from .messages import Open


class Stage(Protocol):
    """A loaded slice. Sessions are numbers of the node's choice."""

    async def compute(self, session: int, rows: Rows) -> bytes:
        """float32 result rows: all of them, or the wanted last ones where the slice has the model's last layer.

        Rows before what is held replace it. Raises CrofterError.
        """
        ...

    async def forget(self, session: int) -> None:
        """Free what is held of it, if anything is."""
        ...


class StageHost(Protocol):
    """The slices that this node computes with."""

    @property
    def build(self) -> str:
        """Of llama.cpp."""
        ...

    def find(self, slice_id: ModelId) -> SliceFile | None:
        """Exactly these weights, if the node offers them."""
        ...

    def stage(self, slice_file: SliceFile, opening: Open, opener: NodeId) -> AbstractAsyncContextManager[Stage]:
        """Loaded, with the adapters of that session, as long as somebody uses it. Raises CrofterError: no room, cannot be loaded."""
        ...
