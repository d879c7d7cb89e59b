"""The stages that serve a session, in order, and what is agreed along them."""

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelId, NodeId

from .messages import AdapterPart, Open, Place
from .wire import Codec, most_rows


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One stage, at a node: another one, or the requester itself."""

    node_id: NodeId
    slice_id: ModelId
    start: int
    stop: int
    """Layers of the source."""
    adapters: tuple[AdapterPart, ...] = ()
    """Of the sessions over this route."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What has all layers that the requester's ends have not, in order."""

    hops: tuple[Hop, ...]
    width: int
    """Numbers of a row."""
    source_layer_count: int
    context_tokens: int
    build: str
    """Of llama.cpp, at all stages."""
    codec: Codec = "fp16"
    rows_at_once: int = 512

    def __post_init__(self) -> None:
        """Raises INVALID_REQUEST: no hops, too many rows for a frame, or layers that do not follow each other."""
        stops = [hop.stop for hop in self.hops]
        starts = [hop.start for hop in self.hops]
        if not stops or starts[1:] != stops[:-1] or not 0 < self.rows_at_once <= most_rows(self.width, self.codec):
            raise CrofterError(ErrorCode.INVALID_REQUEST, "the stages of a route do not follow each other")

    @property
    def whole(self) -> bool:
        """Whether the last stage has the model's last layer, and gives wanted rows only."""
        return self.hops[-1].stop == self.source_layer_count

    def opening(self, index: int, session_id: bytes, epoch: int, requester: NodeId, lease_seconds: float) -> Open:
        """What the stage with this number is asked."""
        hop, last = self.hops[index], index == len(self.hops) - 1
        return Open(
            place=Place(session_id=session_id, hop=index),
            epoch=epoch,
            slice_id=hop.slice_id,
            start=hop.start,
            stop=hop.stop,
            build=self.build,
            context_tokens=self.context_tokens,
            codec=self.codec,
            most_rows=self.rows_at_once,
            previous=requester if index == 0 else self.hops[index - 1].node_id,
            next=requester if last else self.hops[index + 1].node_id,
            last=last,
            lease_seconds=lease_seconds,
            adapters=hop.adapters,
        )
