"""What nodes ask of each other's stages, and the rows of the table of messages that this room adds.

Opening and closing are requests; the frames of `wire.py` go through channels, from hop to hop and from the last one to the requester.
"""

from typing import Annotated, Any

import msgspec

from crofter.core import NODE_ID_BYTES, ErrorReport, ModelId, NodeId
from crofter.network import ChannelKind, Kind

from .wire import MOST_FRAME_BYTES, SESSION_ID_BYTES, Codec

_SessionId = Annotated[bytes, msgspec.Meta(min_length=SESSION_ID_BYTES, max_length=SESSION_ID_BYTES)]
_Node = Annotated[NodeId, msgspec.Meta(min_length=NODE_ID_BYTES, max_length=NODE_ID_BYTES)]
_Number = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
_Count = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
_Hop = Annotated[int, msgspec.Meta(ge=0, le=255)]


MOST_ADAPTERS = 8
"""Of one session."""
MOST_ADAPTER_BYTES = 256 * 2**20
"""Of what one of them has for one stage."""
ADAPTER_HASH_BYTES = 32


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where along which session: a stage, or with the number after the last one's the requester, who takes the results."""

    session_id: _SessionId
    """Random."""
    hop: _Hop


class AdapterPart(msgspec.Struct, frozen=True, kw_only=True):
    """What a LoRA adapter changes at one stage: a file that the requester gives."""

    adapter_id: Annotated[bytes, msgspec.Meta(min_length=ADAPTER_HASH_BYTES, max_length=ADAPTER_HASH_BYTES)]
    """SHA-256 of the file."""
    size_bytes: Annotated[int, msgspec.Meta(ge=1, le=MOST_ADAPTER_BYTES)]
    scale: Annotated[float, msgspec.Meta(ge=-1000, le=1000)] = 1.0


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """Keep room for a session at one stage of its route. Asked by the requester, of all stages at once."""

    place: Place
    epoch: _Number
    """Rises with each change of the route; frames of a lower one are dropped."""
    slice_id: Annotated[ModelId, msgspec.Meta(min_length=1, max_length=128)]
    """Hash of the weights; a node without exactly these refuses."""
    start: _Number
    stop: _Count
    """Layers of the source."""
    build: Annotated[str, msgspec.Meta(max_length=64)]
    """Of llama.cpp: two builds may round differently."""
    context_tokens: _Count
    codec: Codec
    most_rows: _Count
    """Of one frame."""
    previous: _Node
    """Who sends the rows; nobody else may."""
    next: _Node
    """Who gets the result: the next hop, or the requester."""
    last: bool
    """Whether the next is the requester."""
    lease_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)]
    """For how long it is kept without a sign of the requester."""
    adapters: Annotated[tuple[AdapterPart, ...], msgspec.Meta(max_length=MOST_ADAPTERS)] = ()
    """Under which its rows are computed."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """There is room."""

    lease_seconds: float
    """What was granted."""


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """Give up the session here, at once."""

    place: Place


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """It holds nothing any more."""


class Attach(msgspec.Struct, frozen=True, kw_only=True):
    """What follows on this channel are the frames of that session, into that place."""

    place: Place
    epoch: _Number


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What ended a session, and where; the payload of a `fault` frame, which is handed up the route to the requester."""

    hop: _Hop
    report: ErrorReport


STAGE_OPEN = Kind(name="stage-open", request=Open, reply=Opened, who="trusted", most_bytes=2_000, per_minute=240)
STAGE_CLOSE = Kind(name="stage-close", request=Close, reply=Closed, who="trusted", most_bytes=200, per_minute=480)
STAGE_STEPS = ChannelKind(
    name="stage-steps",
    request=Attach,
    who="trusted",
    most_bytes=MOST_FRAME_BYTES,
    per_minute=480,
    bytes_per_minute=16 * 2**30,
)
KINDS: tuple[Kind[Any, Any], ...] = (STAGE_OPEN, STAGE_CLOSE, STAGE_STEPS)
